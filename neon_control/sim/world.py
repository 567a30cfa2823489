"""The simulated world: a robot, a table, a red and a blue cube, a tray where they are to be put into one, the robot's camera (MuJoCo).

Frames: the world's x axis points at the table, whose front edge lies on x = 0; z is up. A robot with a base stands on a platform that
carries it (vx, vy, yaw rate); one without is bolted to its place. Its joints are driven by position servos with gravity compensation;
those that have none stand still.
The same class runs in real time inside `sim_node` and as fast as possible for data collection.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence

import mujoco
import numpy as np

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.robot import Robot
from neon_control.sim.description import SimDescription, Span, load_description

TIMESTEP = 0.005  # [s]
TABLE_TOP = 0.74  # [m]
CUBE_HALF_EDGE = 0.03  # [m]
CUBE_COLOURS = {"red": (0.85, 0.08, 0.08, 1.0), "blue": (0.08, 0.18, 0.85, 1.0)}
COLOURS = tuple(CUBE_COLOURS)
MIN_CUBE_SEPARATION = 0.16  # [m]
GRASPED_HALF_EDGE = 0.025  # [m] of cubes that are to be picked
TRAY_HALF_EDGE, TRAY_WALL, TRAY_FLOOR = 0.075, 0.02, 0.004  # [m] inside, height of its rim and of its floor above the table
RESTING, AWAY = 0.02, 0.05  # [m/s, m] slower than this, and no hand so near: what was put down has been left there
PLATFORM_HEIGHT = 0.018  # [m] of its centre
BOX = mujoco.mjtGeom.mjGEOM_BOX
BASE_JOINTS = {  # joint -> axis, type, servo's gain [N s/m, N m s/rad]
    "base_x": ((1, 0, 0), mujoco.mjtJoint.mjJNT_SLIDE, 2000.0),
    "base_y": ((0, 1, 0), mujoco.mjtJoint.mjJNT_SLIDE, 2000.0),
    "base_yaw": ((0, 0, 1), mujoco.mjtJoint.mjJNT_HINGE, 400.0),
}


def build_model(robot: Robot, description: SimDescription, image_size: tuple[int, int] = (320, 240)) -> mujoco.MjModel:
    """The robot's URDF with base, servos, camera of (width, height), table and cubes; ConfigError where it has more than one root."""
    spec = mujoco.MjSpec.from_file(str(robot.urdf_path))
    spec.compiler.fusestatic = False  # links that do not move are needed by name: root, camera, fingertips
    spec.option.timestep = TIMESTEP
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.visual.global_.offwidth, spec.visual.global_.offheight = image_size
    spec.visual.headlight.ambient, spec.visual.headlight.diffuse = (0.35,) * 3, (0.3,) * 3
    _mount(spec, robot, description)
    _add_servos(spec, description)
    _add_furniture(spec, cube_half_edge(description))
    if description.tray is not None:
        _add_tray(spec, description.tray)
        # What is held by friction creeps out of soft contacts otherwise, and fingers sink into it.
        spec.option.cone, spec.option.impratio = mujoco.mjtCone.mjCONE_ELLIPTIC, 10.0
        for colour in CUBE_COLOURS:
            geom = spec.geom(f"{colour}_cube")
            geom.solref, geom.solimp, geom.priority = (2.0 * TIMESTEP, 1.0), (0.98, 0.995, 0.001, 0.5, 2.0), 1
    camera = spec.body(description.camera.link).add_camera(name="robot", fovy=description.camera.fov)
    # A MuJoCo camera looks along its -z with y up; the link looks along +x with z up.
    camera.quat = _quaternion(np.array([[0.0, 0.0, -1.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
    for name, hand in description.hands.items():
        spec.body(hand.tcp).add_site(name=f"{name}_tcp", size=[0.004] * 3, rgba=(0, 0, 0, 0))
    return spec.compile()


def cube_half_edge(description: SimDescription) -> float:
    """[m] Cubes to be picked are smaller: a gripper has to go around them."""
    return CUBE_HALF_EDGE if description.task == "reach" else GRASPED_HALF_EDGE


def _quaternion(rotation: np.ndarray) -> np.ndarray:
    quat = np.zeros(4)
    mujoco.mju_mat2Quat(quat, rotation.ravel())
    return quat


def _mount(spec: mujoco.MjSpec, robot: Robot, description: SimDescription) -> None:
    """Put the root link to its place, with the joints and the platform of a base if the robot has one."""
    roots = spec.worldbody.bodies
    if len(roots) != 1:
        raise ConfigError(f"{robot.urdf_path}: needs one root link, not named 'world'; MuJoCo sees {[b.name for b in roots]}")
    root = roots[0]
    root.pos = description.mount
    if robot.base is None:
        return
    for name, (axis, kind, gain) in BASE_JOINTS.items():
        root.add_joint(name=name, type=kind, axis=axis)
        actuator = spec.add_actuator(name=name, trntype=mujoco.mjtTrn.mjTRN_JOINT, target=name)
        actuator.set_to_velocity(kv=gain)
    place = (0, 0, PLATFORM_HEIGHT - description.mount[2])
    platform = root.add_geom(name="platform", type=mujoco.mjtGeom.mjGEOM_CYLINDER, size=(0.2, 0.015, 0), pos=place, mass=20.0)
    platform.rgba, platform.contype, platform.conaffinity = (0.16, 0.17, 0.19, 1.0), 0, 0


def _add_servos(spec: mujoco.MjSpec, description: SimDescription) -> None:
    """Position servos, whose force the URDF's `effort` limits; what mimics a driven joint follows it."""
    mimics = {e.name1: e.name2 for e in spec.equalities if e.type == mujoco.mjtEq.mjEQ_JOINT and e.name2 in description.servos}
    for joint in list(spec.joints):
        if joint.name not in description.servos and joint.name not in BASE_JOINTS and joint.name not in mimics:
            spec.delete(joint)  # it stands still
    for body in spec.bodies:
        body.gravcomp = 1.0
    for joint in spec.joints:
        servo = description.servos.get(mimics.get(joint.name, joint.name))
        if servo is None:
            continue
        joint.armature = servo.armature
        if joint.name in mimics:
            continue
        actuator = spec.add_actuator(name=joint.name, trntype=mujoco.mjtTrn.mjTRN_JOINT, target=joint.name)
        actuator.set_to_position(kp=servo.stiffness, dampratio=1.0)


def _add_furniture(spec: mujoco.MjSpec, half_edge: float) -> None:
    world = spec.worldbody
    checker = mujoco.mjtBuiltin.mjBUILTIN_CHECKER
    texture = spec.add_texture(name="floor", type=mujoco.mjtTexture.mjTEXTURE_2D, builtin=checker, width=64, height=64)
    texture.rgb1, texture.rgb2 = (0.42, 0.44, 0.46), (0.50, 0.52, 0.54)
    floor = spec.add_material(name="floor", texrepeat=(8, 8))
    floor.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "floor"
    world.add_geom(name="floor", type=mujoco.mjtGeom.mjGEOM_PLANE, size=(4, 4, 0.1), material="floor")
    world.add_light(name="lamp", pos=(-0.2, 0.3, 2.6), dir=(0.1, -0.1, -1.0), castshadow=False, diffuse=(0.6, 0.6, 0.6))
    table = world.add_body(name="table", pos=(0.35, 0.0, TABLE_TOP - 0.015))
    table.add_geom(name="table", type=BOX, size=(0.35, 0.7, 0.015), rgba=(0.62, 0.50, 0.36, 1.0))
    for i, (x, y) in enumerate(((0.3, 0.62), (0.3, -0.62), (-0.1, 0.62), (-0.1, -0.62))):
        table.add_geom(name=f"table_leg{i}", type=BOX, size=(0.02, 0.02, 0.355), pos=(x, y, -0.37), rgba=(0.3, 0.3, 0.32, 1.0))
    for colour, rgba in CUBE_COLOURS.items():
        cube = world.add_body(name=f"{colour}_cube", pos=(0.1, 0.0, TABLE_TOP + half_edge))
        cube.add_freejoint(name=f"{colour}_cube")
        edges, friction = (half_edge,) * 3, (1.0, 0.01, 0.001)
        cube.add_geom(name=f"{colour}_cube", type=BOX, size=edges, rgba=rgba, mass=0.12, friction=friction)


def _add_tray(spec: mujoco.MjSpec, centre: Sequence[float]) -> None:
    tray = spec.worldbody.add_body(name="tray", pos=(*centre, TABLE_TOP))
    half, thick, rgba = TRAY_HALF_EDGE, 0.005, (0.85, 0.75, 0.25, 1.0)
    tray.add_geom(name="tray", type=BOX, size=(half, half, TRAY_FLOOR / 2), pos=(0, 0, TRAY_FLOOR / 2), rgba=rgba)
    for i, (x, y) in enumerate(((1, 0), (-1, 0), (0, 1), (0, -1))):
        size = (thick if x else half + 2 * thick, thick if y else half + 2 * thick, TRAY_WALL / 2)
        tray.add_geom(name=f"tray_rim{i}", type=BOX, size=size, pos=(x * (half + thick), y * (half + thick), TRAY_WALL / 2), rgba=rgba)


class World:
    """One running simulation.

    Attributes:
        joint_names: every actuated joint of the robot, also those that stand still.
        has_base: whether the robot can drive.
        half_edge: [m] of the cubes.
    """

    def __init__(self, robot: Robot, image_size: tuple[int, int] = (320, 240), timestep: float = TIMESTEP) -> None:
        self.image_size = image_size
        self._timestep = timestep  # [s]
        self.description = load_description(robot)
        self.has_base = robot.base is not None
        self.half_edge = cube_half_edge(self.description)
        self.model = build_model(robot, self.description, image_size)
        self.model.opt.timestep = timestep
        self.data = mujoco.MjData(self.model)
        self.joint_names = tuple(robot.joints)
        moving = [n for n in self.joint_names if mujoco.mj_name2id(self.model, mujoco.mjtObj.mjOBJ_JOINT, n) >= 0]
        self._moving = np.array([self.joint_names.index(n) for n in moving])  # positions within joint_names
        self._qpos = np.array([self.model.joint(n).qposadr[0] for n in moving])
        self._qvel = np.array([self.model.joint(n).dofadr[0] for n in moving])
        self._servo = {n: self.model.actuator(n).id for n in moving}
        self._range = {n: (robot.joints[n].lower, robot.joints[n].upper) for n in moving}
        base = tuple(BASE_JOINTS) if self.has_base else ()
        self._base_servo = np.array([self.model.actuator(n).id for n in base])
        self._base_qpos = np.array([self.model.joint(n).qposadr[0] for n in base])
        self._base_qvel = np.array([self.model.joint(n).dofadr[0] for n in base])
        self._mimics = [
            (self.model.jnt_qposadr[follower], self.model.jnt_qposadr[source], *factors[:2])
            for follower, source, factors in zip(self.model.eq_obj1id, self.model.eq_obj2id, self.model.eq_data, strict=True)
        ]
        cubes = {c: self.model.geom(f"{c}_cube").id for c in CUBE_COLOURS}
        root = self.model.body_rootid[self.model.body(self.description.camera.link).id]
        # (G,) what each geom is, as seen by a contact between two: 1 the robot's, from 2 on a cube, in the order of CUBE_COLOURS.
        self._kind = (self.model.body_rootid[self.model.geom_bodyid] == root).astype(np.int8)
        self._kind[list(cubes.values())] = range(2, 2 + len(cubes))
        self._cube_body = {c: self.model.body(f"{c}_cube").id for c in CUBE_COLOURS}
        self._hand_sites = np.array([self.model.site(f"{h}_tcp").id for h in self.description.hands])
        self._efforts = self.model.jnt_actfrcrange.copy()  # [N or N m] the URDF's
        self._base_command = np.zeros(3)
        self._renderer: mujoco.Renderer | None = None
        self._unstepped = 0.0
        self.touched: set[str] = set()
        self.reset(np.random.default_rng(0))

    def reset(self, rng: np.random.Generator) -> None:
        """Start an episode: cubes and base at random places, all joints at home."""
        mujoco.mj_resetData(self.model, self.data)
        self.touched = set()
        self._base_command = np.zeros(3)
        self._unstepped = 0.0
        self.place_cubes(*random_cubes(rng, self.description.cubes), yaw=rng.uniform(-np.pi / 4, np.pi / 4, 2))
        if self.description.base is not None:
            self.place_base(np.array([rng.uniform(*span) for span in self.description.base.start]))
        self.place_joints(self.joint_names, self.description.home_positions(self.joint_names))

    def place_cubes(self, *positions: np.ndarray, yaw: np.ndarray) -> None:
        """Put the cubes, in the order of `CUBE_COLOURS`, at (x, y) on the table."""
        for colour, position, angle in zip(CUBE_COLOURS, positions, yaw, strict=True):
            self._put(colour, (*position, TABLE_TOP + self.half_edge), angle)

    def _put(self, colour: str, position: Sequence[float] | np.ndarray, yaw: float) -> None:
        start = self.model.joint(f"{colour}_cube").qposadr[0]
        self.data.qpos[start : start + 3] = position
        self.data.qpos[start + 3 : start + 7] = (np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2))

    def place_cube(self, colour: str, position: np.ndarray, yaw: float) -> None:
        """Put one cube at (3,) [m] at once, at rest."""
        self._put(colour, position, yaw)
        self.data.joint(f"{colour}_cube").qvel[:] = 0.0
        mujoco.mj_forward(self.model, self.data)

    def place_base(self, pose: np.ndarray) -> None:
        """Put the base at (x, y, yaw) at once; a robot without one stays where it is."""
        if self.has_base:
            self.data.qpos[self._base_qpos] = pose
        mujoco.mj_forward(self.model, self.data)

    def place_joints(self, names: tuple[str, ...], positions: np.ndarray) -> None:
        """Put joints at positions [rad] at once, with their servos' targets, and those that mimic them."""
        for name, position in zip(names, positions, strict=True):
            if name in self._servo:
                self.data.qpos[self.model.joint(name).qposadr[0]] = position
        for follower, source, offset, multiplier in self._mimics:
            self.data.qpos[follower] = offset + multiplier * self.data.qpos[source]
        self.command_joints(names, positions)
        mujoco.mj_forward(self.model, self.data)

    @property
    def time(self) -> float:
        """[s] since the episode began."""
        return float(self.data.time)

    @property
    def joint_positions(self) -> np.ndarray:
        """(J,) [rad], in the order of `joint_names`."""
        positions = np.zeros(len(self.joint_names))
        positions[self._moving] = self.data.qpos[self._qpos]
        return positions

    @property
    def joint_velocities(self) -> np.ndarray:
        """(J,) [rad/s], in the order of `joint_names`."""
        velocities = np.zeros(len(self.joint_names))
        velocities[self._moving] = self.data.qvel[self._qvel]
        return velocities

    @property
    def base_pose(self) -> np.ndarray:
        """(3,) x, y, yaw in the world [m, m, rad]; zeros without a base: then the world is the base frame."""
        return self.data.qpos[self._base_qpos].copy() if self.has_base else np.zeros(3)

    @property
    def base_velocity(self) -> np.ndarray:
        """(3,) vx, vy, yaw rate in the base frame [m/s, m/s, rad/s]; zeros without a base."""
        if not self.has_base:
            return np.zeros(3)
        return rotate(self.data.qvel[self._base_qvel], -self.base_pose[2])

    @property
    def cube_positions(self) -> dict[str, np.ndarray]:
        """Colour -> (3,) centre in the world [m]."""
        return {c: self.data.xpos[self.model.body(f"{c}_cube").id].copy() for c in CUBE_COLOURS}

    @property
    def hand_positions(self) -> dict[str, np.ndarray]:
        """Hand -> (3,) fingertip point in the world [m]."""
        return {h: self.data.site(f"{h}_tcp").xpos.copy() for h in self.description.hands}

    @property
    def hand_rotations(self) -> dict[str, np.ndarray]:
        """Hand -> (3, 3) the fingertip point's axes in the world, in columns."""
        return {h: self.data.site(f"{h}_tcp").xmat.reshape(3, 3).copy() for h in self.description.hands}

    def hand_heading(self, hand: str) -> float:
        """[rad] about z in the world of the axis along which a hand's fingers close."""
        axis = self.hand_rotations[hand][:, 1]
        return float(np.arctan2(-axis[0], axis[1]))

    def cube_heading(self, colour: str) -> float:
        """[rad] about z in the world of one of a cube's four sides."""
        axes = self.data.body(f"{colour}_cube").xmat.reshape(3, 3)
        level = axes[:, int(np.argmin(np.abs(axes[2])))]  # the axis that lies flattest, whatever side the cube lies on
        return float(np.arctan2(level[1], level[0]))

    def is_held(self, colour: str) -> bool:
        """Whether two links of the robot press on a cube."""
        return len({int(self.model.geom_bodyid[geom]) for touched, geom in self._robot_contacts() if touched == colour}) > 1

    def hand_distance(self, colour: str) -> float:
        """[m] from the cube's surface to the nearest hand's fingertip point; 0 inside the cube."""
        body = self._cube_body[colour]
        local = (self.data.site_xpos[self._hand_sites] - self.data.xpos[body]) @ self.data.xmat[body].reshape(3, 3)  # in the cube's frame
        outside = np.maximum(np.abs(local) - self.half_edge, 0.0)  # (hands, 3)
        return math.sqrt(float((outside * outside).sum(axis=1).min()))

    @property
    def tray_place(self) -> np.ndarray:
        """(3,) [m] of a cube that lies in the middle of the tray, which there is."""
        assert self.description.tray is not None
        return np.array([*self.description.tray, TABLE_TOP + TRAY_FLOOR + self.half_edge])

    def in_tray(self, colour: str) -> bool:
        """Whether a cube lies in the tray, or is held a little above its floor."""
        if self.description.tray is None:
            return False
        x, y, z = self.cube_positions[colour]
        aside = max(abs(x - self.description.tray[0]), abs(y - self.description.tray[1]))
        return bool(aside < TRAY_HALF_EDGE and z < TABLE_TOP + TRAY_FLOOR + 1.5 * self.half_edge)

    def placed(self, colour: str) -> bool:
        """Whether a cube rests in the tray, and no hand is near."""
        speed = float(np.linalg.norm(self.data.joint(f"{colour}_cube").qvel[:3]))  # [m/s]
        return self.in_tray(colour) and speed < RESTING and self.hand_distance(colour) > AWAY

    def missing(self, colour: str) -> float:
        """[m] to what the task asks for: from the cube to the nearest hand, or, of a cube that is to be placed, 0 once it is."""
        if self.description.task == "reach":
            return self.hand_distance(colour)
        return 0.0 if self.placed(colour) else float("inf")

    def command_joints(self, names: tuple[str, ...], positions: np.ndarray) -> None:
        """Set servo targets [rad]; held to the joints' range, as a motor driver does. Joints that stand still are ignored."""
        for name, position in zip(names, positions, strict=True):
            if name in self._servo:
                self.data.ctrl[self._servo[name]] = np.clip(position, *self._range[name])

    def limit_effort(self, names: Sequence[str], effort: float | None) -> None:
        """Let joints press with at most `effort` [N or N m], and never with more than the URDF allows; None: with that."""
        for joint in (self.model.joint(name).id for name in names if name in self._servo):
            most = self._efforts[joint]
            self.model.jnt_actfrcrange[joint] = most if effort is None else np.clip(most, -effort, effort)

    def command_base(self, velocity: np.ndarray) -> None:
        """Set the base's velocity (vx, vy, yaw rate) in its own frame [m/s, m/s, rad/s]; only a robot that has one follows."""
        self._base_command = np.asarray(velocity, dtype=np.float64).copy()

    def step(self, seconds: float) -> None:
        """Advance the simulation; a remainder below one time step is kept for the next call."""
        self._unstepped += seconds
        base = self.description.base
        while self._unstepped >= self._timestep - 1e-9:
            self._unstepped -= self._timestep
            if base is not None:
                x, _, yaw = self.base_pose
                velocity = rotate(self._base_command, yaw)
                velocity[0] = min(velocity[0], max(base.front_limit - x, -0.05) / 0.05)  # the platform cannot enter the table
                self.data.ctrl[self._base_servo] = velocity
            mujoco.mj_step(self.model, self.data)
            self.touched.update(colour for colour, _ in self._robot_contacts())

    def _robot_contacts(self) -> Iterator[tuple[str, int]]:
        """The colour of a cube and the robot's geom that it touches, for each place where they do."""
        geoms = self.data.contact.geom  # (contacts, 2)
        kinds = self._kind[geoms]
        for contact in np.flatnonzero(kinds[:, 0] * kinds[:, 1] > 1).tolist():  # neither is something else
            cube = int(kinds[contact, 1] > 1)
            if kinds[contact, 1 - cube] == 1:
                yield COLOURS[kinds[contact, cube] - 2], int(geoms[contact, 1 - cube])

    def render(self) -> np.ndarray:
        """The camera's picture, (height, width, 3) uint8 RGB."""
        self.look()
        return self.draw()

    def look(self) -> None:
        """Take in the scene as it is now. Quick; must not run while `step` does."""
        if self._renderer is None:
            width, height = self.image_size
            try:
                self._renderer = mujoco.Renderer(self.model, height, width)
            except mujoco.FatalError as error:
                text = "see 'Rendering fails' in docs/troubleshooting.md"
                raise ConfigError(
                    f"cannot render {width}x{height} images, MUJOCO_GL={os.environ.get('MUJOCO_GL')}: {error}; {text}"
                ) from error
        self._renderer.update_scene(self.data, camera="robot")

    def draw(self) -> np.ndarray:
        """The picture of what `look` took in. Slow; may run while another thread steps, but in the thread of `look`."""
        if self._renderer is None:
            raise RuntimeError("draw() needs look() first")
        return np.asarray(self._renderer.render())

    def close(self) -> None:
        """Free the renderer's graphics context."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None


def rotate(vector: np.ndarray, yaw: float) -> np.ndarray:
    """Turn the first two of (3,) by yaw [rad]; the third (z or yaw rate) stays."""
    c, s = np.cos(yaw), np.sin(yaw)
    return np.array([c * vector[0] - s * vector[1], s * vector[0] + c * vector[1], vector[2]])


def random_cubes(rng: np.random.Generator, area: tuple[Span, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Two places (2,) within `area`, at least `MIN_CUBE_SEPARATION` apart [m]."""
    while True:
        first, second = (np.array([rng.uniform(*span) for span in area]) for _ in range(2))
        if np.linalg.norm(first - second) >= MIN_CUBE_SEPARATION:
            return first, second
