"""The simulated world: a G1 on a planar base, a table, a red and a blue cube, a head camera (MuJoCo).

Frames: the world's x axis points at the table, whose front edge lies on x = 0; z is up. The robot's legs stand still on a
platform that carries it (vx, vy, yaw rate); its waist and arms are driven by position servos with gravity compensation.
The same class runs in real time inside `sim_node` and as fast as possible for data collection.
"""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from neon_control.core.robot import Robot

TIMESTEP = 0.005  # [s]
TABLE_TOP = 0.74  # [m]
CUBE_HALF_EDGE = 0.03  # [m]
CUBE_COLOURS = {"red": (0.85, 0.08, 0.08, 1.0), "blue": (0.08, 0.18, 0.85, 1.0)}
HANDS = ("left", "right")
CUBE_AREA = ((0.07, 0.20), (-0.30, 0.30))  # [m] x and y ranges of cube centres on the table
MIN_CUBE_SEPARATION = 0.16  # [m]
START_AREA = ((-0.46, -0.24), (-0.12, 0.12), (-0.2, 0.2))  # [m, m, rad] x, y, yaw of the base
BASE_FRONT_LIMIT = -0.17  # [m] the platform touches the table there
CAMERA_FOVY = 50.0  # [deg]
CAMERA_LINK = "d435_link"
REACH_DISTANCE = 0.05  # [m] fingertip to cube that counts as reached
FOLDED_ELBOWS = {"shoulder_pitch": 0.55, "shoulder_roll": 0.18, "elbow": -0.25}  # [rad] home pose; right side mirrors the roll


@dataclass(frozen=True)
class Servo:
    """Position servo of one joint group."""

    stiffness: float  # [N m/rad]
    armature: float  # [kg m^2]


SERVOS = {"shoulder": Servo(120.0, 0.03), "elbow": Servo(100.0, 0.03), "wrist": Servo(40.0, 0.01), "waist": Servo(400.0, 0.2)}


def home_positions(joint_names: tuple[str, ...]) -> np.ndarray:
    """The pose that an episode starts from: elbows bent, hands above the table's height; (len(joint_names),) [rad]."""
    pose = np.zeros(len(joint_names))
    for i, name in enumerate(joint_names):
        side, _, rest = name.partition("_")
        value = FOLDED_ELBOWS.get(rest.removesuffix("_joint"), 0.0) if side in HANDS else 0.0
        pose[i] = -value if side == "right" and "roll" in rest else value
    return pose


def build_model(robot: Robot, image_size: tuple[int, int] = (320, 240)) -> mujoco.MjModel:
    """Compose the robot's URDF with base, servos, camera, table and cubes.

    Args:
        image_size: (width, height) of the off-screen buffer.
    """
    spec = mujoco.MjSpec.from_file(str(robot.urdf_path))
    spec.option.timestep = TIMESTEP
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.visual.global_.offwidth, spec.visual.global_.offheight = image_size
    spec.visual.headlight.ambient, spec.visual.headlight.diffuse = (0.35,) * 3, (0.3,) * 3
    _mount_on_base(spec)
    _add_servos(spec, robot)
    _add_furniture(spec)
    camera = spec.body(CAMERA_LINK).add_camera(name="head", fovy=CAMERA_FOVY)
    # A MuJoCo camera looks along its -z with y up; the link looks along +x with z up.
    camera.quat = _quaternion(np.array([[0.0, 0.0, -1.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
    for side in HANDS:
        spec.body(f"{side}_hand_tcp").add_site(name=f"{side}_tcp", size=[0.004] * 3, rgba=(0, 0, 0, 0))
    return spec.compile()


def _quaternion(rotation: np.ndarray) -> np.ndarray:
    quat = np.zeros(4)
    mujoco.mju_mat2Quat(quat, rotation.ravel())
    return quat


def _mount_on_base(spec: mujoco.MjSpec) -> None:
    pelvis = spec.body("pelvis")
    pelvis.pos = (0.0, 0.0, 0.793)
    for name, axis, kind in (
        ("base_x", (1, 0, 0), mujoco.mjtJoint.mjJNT_SLIDE),
        ("base_y", (0, 1, 0), mujoco.mjtJoint.mjJNT_SLIDE),
        ("base_yaw", (0, 0, 1), mujoco.mjtJoint.mjJNT_HINGE),
    ):
        pelvis.add_joint(name=name, type=kind, axis=axis)
        actuator = spec.add_actuator(name=name, trntype=mujoco.mjtTrn.mjTRN_JOINT, target=name)
        actuator.set_to_velocity(kv=2000.0 if name != "base_yaw" else 400.0)
    platform = pelvis.add_geom(name="platform", type=mujoco.mjtGeom.mjGEOM_CYLINDER, size=(0.2, 0.015, 0), pos=(0, 0, -0.775), mass=20.0)
    platform.rgba, platform.contype, platform.conaffinity = (0.16, 0.17, 0.19, 1.0), 0, 0
    for joint in list(spec.joints):
        if any(part in joint.name for part in ("_hip_", "_knee_", "_ankle_")):
            spec.delete(joint)  # the legs stand still


def _add_servos(spec: mujoco.MjSpec, robot: Robot) -> None:
    for body in spec.bodies:
        body.gravcomp = 1.0
    for joint in spec.joints:
        servo = next((s for key, s in SERVOS.items() if key in joint.name), None)
        if servo is None:
            continue
        joint.armature = servo.armature
        actuator = spec.add_actuator(name=joint.name, trntype=mujoco.mjtTrn.mjTRN_JOINT, target=joint.name)
        actuator.set_to_position(kp=servo.stiffness, dampratio=1.0)


def _add_furniture(spec: mujoco.MjSpec) -> None:
    world = spec.worldbody
    texture = spec.add_texture(name="floor", type=mujoco.mjtTexture.mjTEXTURE_2D, builtin=mujoco.mjtBuiltin.mjBUILTIN_CHECKER)
    texture.width = texture.height = 64
    texture.rgb1, texture.rgb2 = (0.42, 0.44, 0.46), (0.50, 0.52, 0.54)
    floor = spec.add_material(name="floor", texrepeat=(8, 8))
    floor.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "floor"
    world.add_geom(name="floor", type=mujoco.mjtGeom.mjGEOM_PLANE, size=(4, 4, 0.1), material="floor")
    lamp = world.add_light(name="lamp", pos=(-0.2, 0.3, 2.6), dir=(0.1, -0.1, -1.0), castshadow=False)
    lamp.diffuse = (0.6, 0.6, 0.6)
    table = world.add_body(name="table", pos=(0.35, 0.0, TABLE_TOP - 0.015))
    table.add_geom(name="table", type=mujoco.mjtGeom.mjGEOM_BOX, size=(0.35, 0.7, 0.015), rgba=(0.62, 0.50, 0.36, 1.0))
    for i, (x, y) in enumerate(((0.3, 0.62), (0.3, -0.62), (-0.1, 0.62), (-0.1, -0.62))):
        leg = table.add_geom(name=f"table_leg{i}", type=mujoco.mjtGeom.mjGEOM_BOX, size=(0.02, 0.02, 0.355), pos=(x, y, -0.37))
        leg.rgba = (0.3, 0.3, 0.32, 1.0)
    for colour, rgba in CUBE_COLOURS.items():
        cube = world.add_body(name=f"{colour}_cube", pos=(0.1, 0.0, TABLE_TOP + CUBE_HALF_EDGE))
        cube.add_freejoint(name=f"{colour}_cube")
        geom = cube.add_geom(name=f"{colour}_cube", type=mujoco.mjtGeom.mjGEOM_BOX, size=(CUBE_HALF_EDGE,) * 3, rgba=rgba, mass=0.12)
        geom.friction = (1.0, 0.01, 0.001)


class World:
    """One running simulation.

    Attributes:
        joint_names: every actuated joint of the robot, the 12 standing leg joints included.
    """

    def __init__(self, robot: Robot, image_size: tuple[int, int] = (320, 240)) -> None:
        self.robot = robot
        self.image_size = image_size
        self.model = build_model(robot, image_size)
        self.data = mujoco.MjData(self.model)
        self.joint_names = tuple(robot.joints)
        moving = [n for n in self.joint_names if mujoco.mj_name2id(self.model, mujoco.mjtObj.mjOBJ_JOINT, n) >= 0]
        self._moving = np.array([self.joint_names.index(n) for n in moving])  # positions within joint_names
        self._qpos = np.array([self.model.joint(n).qposadr[0] for n in moving])
        self._qvel = np.array([self.model.joint(n).dofadr[0] for n in moving])
        self._servo = {n: self.model.actuator(n).id for n in moving}
        self._range = {n: (robot.joints[n].lower, robot.joints[n].upper) for n in moving}
        self._base_servo = np.array([self.model.actuator(n).id for n in ("base_x", "base_y", "base_yaw")])
        self._base_qpos = np.array([self.model.joint(n).qposadr[0] for n in ("base_x", "base_y", "base_yaw")])
        self._base_qvel = np.array([self.model.joint(n).dofadr[0] for n in ("base_x", "base_y", "base_yaw")])
        self._cube_geom = {c: self.model.geom(f"{c}_cube").id for c in CUBE_COLOURS}
        self._robot_geoms = {i for i in range(self.model.ngeom) if self._body_name(i).startswith(HANDS)}
        self._base_command = np.zeros(3)
        self._renderer: mujoco.Renderer | None = None
        self._unstepped = 0.0
        self.touched: set[str] = set()
        self.reset(np.random.default_rng(0))

    def _body_name(self, geom: int) -> str:
        return self.model.body(self.model.geom_bodyid[geom]).name

    def reset(self, rng: np.random.Generator) -> None:
        """Start an episode: cubes and base at random places, arms at home."""
        mujoco.mj_resetData(self.model, self.data)
        self.touched = set()
        self._base_command = np.zeros(3)
        self._unstepped = 0.0
        self.place_cubes(*random_cubes(rng), yaw=rng.uniform(-np.pi / 4, np.pi / 4, 2))
        self.place_base(np.array([rng.uniform(*span) for span in START_AREA]))
        self.place_joints(self.joint_names, home_positions(self.joint_names))

    def place_cubes(self, *positions: np.ndarray, yaw: np.ndarray) -> None:
        """Put the cubes, in the order of `CUBE_COLOURS`, at (x, y) on the table."""
        for colour, position, angle in zip(CUBE_COLOURS, positions, yaw, strict=True):
            start = self.model.joint(f"{colour}_cube").qposadr[0]
            self.data.qpos[start : start + 3] = (*position, TABLE_TOP + CUBE_HALF_EDGE)
            self.data.qpos[start + 3 : start + 7] = (np.cos(angle / 2), 0.0, 0.0, np.sin(angle / 2))

    def place_base(self, pose: np.ndarray) -> None:
        """Put the base at (x, y, yaw) at once."""
        self.data.qpos[self._base_qpos] = pose
        mujoco.mj_forward(self.model, self.data)

    def place_joints(self, names: tuple[str, ...], positions: np.ndarray) -> None:
        """Put joints at positions [rad] at once, with their servos' targets."""
        for name, position in zip(names, positions, strict=True):
            if name in self._servo:
                self.data.qpos[self.model.joint(name).qposadr[0]] = position
        self.command_joints(names, positions)
        mujoco.mj_forward(self.model, self.data)

    @property
    def time(self) -> float:
        """[s] since the episode began."""
        return float(self.data.time)

    @property
    def joint_positions(self) -> np.ndarray:
        """(29,) [rad], in the order of `joint_names`."""
        positions = np.zeros(len(self.joint_names))
        positions[self._moving] = self.data.qpos[self._qpos]
        return positions

    @property
    def joint_velocities(self) -> np.ndarray:
        """(29,) [rad/s], in the order of `joint_names`."""
        velocities = np.zeros(len(self.joint_names))
        velocities[self._moving] = self.data.qvel[self._qvel]
        return velocities

    @property
    def base_pose(self) -> np.ndarray:
        """(3,) x, y, yaw in the world [m, m, rad]."""
        return self.data.qpos[self._base_qpos].copy()

    @property
    def base_velocity(self) -> np.ndarray:
        """(3,) vx, vy, yaw rate in the base frame [m/s, m/s, rad/s]."""
        return rotate(self.data.qvel[self._base_qvel], -self.base_pose[2])

    @property
    def cube_positions(self) -> dict[str, np.ndarray]:
        """Colour -> (3,) centre in the world [m]."""
        return {c: self.data.xpos[self.model.body(f"{c}_cube").id].copy() for c in CUBE_COLOURS}

    @property
    def hand_positions(self) -> dict[str, np.ndarray]:
        """Side -> (3,) fingertip point in the world [m]."""
        return {s: self.data.site(f"{s}_tcp").xpos.copy() for s in HANDS}

    def hand_distance(self, colour: str) -> float:
        """[m] from the cube's surface to the nearer hand's fingertip point; 0 inside the cube."""
        body = self.data.body(f"{colour}_cube")
        distances = []
        for hand in self.hand_positions.values():
            local = body.xmat.reshape(3, 3).T @ (hand - body.xpos)  # in the cube's own frame
            distances.append(float(np.linalg.norm(np.maximum(np.abs(local) - CUBE_HALF_EDGE, 0.0))))
        return min(distances)

    def command_joints(self, names: tuple[str, ...], positions: np.ndarray) -> None:
        """Set servo targets [rad]; held to the joints' range, as a motor driver does. Leg joints are ignored."""
        for name, position in zip(names, positions, strict=True):
            if name in self._servo:
                self.data.ctrl[self._servo[name]] = np.clip(position, *self._range[name])

    def command_base(self, velocity: np.ndarray) -> None:
        """Set the base's velocity (vx, vy, yaw rate) in its own frame [m/s, m/s, rad/s]."""
        self._base_command = np.asarray(velocity, dtype=np.float64).copy()

    def step(self, seconds: float) -> None:
        """Advance the simulation; a remainder below one time step is kept for the next call."""
        self._unstepped += seconds
        while self._unstepped >= TIMESTEP - 1e-9:
            self._unstepped -= TIMESTEP
            self.data.ctrl[self._base_servo] = self._base_velocity_in_world()
            mujoco.mj_step(self.model, self.data)
            self._note_touches()

    def _base_velocity_in_world(self) -> np.ndarray:
        pose = self.base_pose
        velocity = rotate(self._base_command, pose[2])
        room = BASE_FRONT_LIMIT - pose[0]  # the platform cannot enter the table
        velocity[0] = min(velocity[0], max(room, -0.05) / 0.05)
        return velocity

    def _note_touches(self) -> None:
        for i in range(self.data.ncon):
            pair = self.data.contact[i].geom
            for colour, cube in self._cube_geom.items():
                if cube in pair and (pair[0] in self._robot_geoms or pair[1] in self._robot_geoms):
                    self.touched.add(colour)

    def render(self) -> np.ndarray:
        """The head camera's picture, (height, width, 3) uint8 RGB."""
        self.look()
        return self.draw()

    def look(self) -> None:
        """Take in the scene as it is now. Quick; must not run while `step` does."""
        if self._renderer is None:
            width, height = self.image_size
            self._renderer = mujoco.Renderer(self.model, height, width)
        self._renderer.update_scene(self.data, camera="head")

    def draw(self) -> np.ndarray:
        """The picture of what `look` took in. Slow; may run while another thread steps, but in the thread of `look`."""
        if self._renderer is None:
            raise RuntimeError("draw() needs look() first")
        return self._renderer.render()

    def close(self) -> None:
        """Free the renderer's graphics context."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None


def rotate(vector: np.ndarray, yaw: float) -> np.ndarray:
    """Turn the first two of (3,) by yaw [rad]; the third (z or yaw rate) stays."""
    c, s = np.cos(yaw), np.sin(yaw)
    return np.array([c * vector[0] - s * vector[1], s * vector[0] + c * vector[1], vector[2]])


def random_cubes(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two places (2,) within `CUBE_AREA`, at least `MIN_CUBE_SEPARATION` apart [m]."""
    while True:
        first, second = (np.array([rng.uniform(*span) for span in CUBE_AREA]) for _ in range(2))
        if np.linalg.norm(first - second) >= MIN_CUBE_SEPARATION:
            return first, second
