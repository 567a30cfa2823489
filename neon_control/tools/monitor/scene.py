"""The robot in space: as measured, as commanded (the ghost), and where its policy is about to take it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import viser
from viser.transforms import SO3

from neon_control.core.errors import ConfigError
from neon_control.core.robot import Robot
from neon_control.tools.monitor.kinematics import Kinematics, integrate_base
from neon_control.tools.monitor.shapes import RobotShape, load_urdf
from neon_control.tools.monitor.streams import Streams

PATH_COLOURS = ((240, 150, 30), (30, 190, 140), (200, 90, 220), (230, 210, 60))
PATH_FRESH = 0.5  # [s] an older chunk is no plan any more
FLOOR_SIZE, FLOOR_SECTION = 6.0, 1.0  # [m]
WORLD = "/world"  # scene node of everything that has a place in the world


class SceneView:
    """Draws the newest values of `streams` when asked.

    A robot whose URDF cannot be drawn is not a reason to show nothing: `problem` then says why, and `update` does nothing.

    Attributes:
        problem: why the robot is not drawn; empty when it is.

    Args:
        follow: whether the picture keeps the robot in its middle while it drives.
        mount: (x, y, z) [m] of the root link in the base's frame; None puts the lowest shape onto the floor.
    """

    def __init__(
        self,
        server: viser.ViserServer,
        robot: Robot,
        streams: Streams,
        follow: Callable[[], bool],
        mount: np.ndarray | None = None,
        light: bool = False,
    ) -> None:
        self._streams = streams
        self.problem = ""
        scene = server.scene
        scene.set_up_direction("+z")
        scene.configure_default_lights(cast_shadow=False)  # shadows cost more than all else where the browser draws in software
        line, section = ((215, 215, 215), (150, 150, 150)) if light else ((48, 50, 54), (84, 87, 92))
        self._follow = follow
        self._world = scene.add_frame(WORLD, show_axes=False)
        self._floor = scene.add_grid(
            "/floor", FLOOR_SIZE, FLOOR_SIZE, cell_size=0.25, section_size=FLOOR_SECTION, cell_color=line, section_color=section
        )
        try:
            urdf = load_urdf(robot.urdf_path)
        except ConfigError as error:
            self.problem = str(error)
            return
        self._kinematics = Kinematics(urdf)
        bounds = urdf.scene.bounds if urdf.scene.geometry else np.zeros((2, 3))  # (2, 3) [m]
        self._mount = np.array([0.0, 0.0, -bounds[0][2]]) if mount is None else mount
        self._base = scene.add_frame(f"{WORLD}/base", show_axes=False)
        scene.add_frame(f"{WORLD}/base/mount", show_axes=False, position=self._mount)
        self._robot = RobotShape(scene, urdf, self._kinematics, f"{WORLD}/base/mount/measured")
        self._ghost = RobotShape(scene, urdf, self._kinematics, f"{WORLD}/base/mount/commanded", ghost=True)
        self._ghost.visible = False
        arms = {group: joints for group, joints in robot.groups.items() if set(joints) <= set(robot.parts["arms"])}
        self._tips = {group: self._kinematics.tip(joints) for group, joints in arms.items()}
        nowhere = np.zeros((1, 2, 3), np.float32)
        colours = dict(zip(arms, PATH_COLOURS * len(arms), strict=False))
        self._colours = {group: np.array(colour, np.uint8) for group, colour in colours.items()}
        self._lines = {
            g: scene.add_line_segments(f"{WORLD}/path/{g}", nowhere, c, thickness=0.012, visible=False) for g, c in colours.items()
        }
        self._ends = {g: scene.add_icosphere(f"{WORLD}/path/{g}_end", 0.016, c, subdivisions=1, visible=False) for g, c in colours.items()}
        self._silence = scene.add_label(
            f"{WORLD}/base/silence", "", position=(0.0, 0.0, self._mount[2] + bounds[1][2] + 0.1), visible=False
        )
        height = max(float(bounds[1][2] - bounds[0][2]), 0.3)
        server.initial_camera.position = tuple(self._mount + np.array([0.85, -0.6, 0.3]) * height)
        server.initial_camera.look_at = tuple(self._mount + np.array([0.0, 0.0, 0.5 * float(bounds[0][2] + bounds[1][2])]))

    def update(self, now: float) -> None:
        """Draw the newest values; `now` [s] monotonic."""
        if self.problem:
            return
        streams = self._streams
        age = streams.ages(now)["joint states"]
        stale = age is None or age > 1.0
        self._silence.visible = stale
        if stale:
            self._silence.text = "no joint states yet" if age is None else f"no joint states for {age:.0f} s"
        x, y, yaw = streams.base_pose
        # Who follows moves the world, not the camera: that belongs to whoever looks. The floor moves on by whole sections.
        middle = np.array([x, y, 0.0]) if self._follow() else np.zeros(3)
        self._world.position, self._floor.position = -middle, -(middle % FLOOR_SECTION)
        self._base.position, self._base.wxyz = (x, y, 0.0), (np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2))
        if streams.measured:
            self._robot.pose(streams.measured)
        self._ghost.visible = bool(streams.commanded) and streams.fresh("commands", now)
        if self._ghost.visible:
            commanded = {**streams.measured, **streams.commanded}
            self._ghost.pose(commanded)
            self._ghost.show_difference(commanded, streams.measured)
        self._draw_paths(streams.fresh("chunks", now, PATH_FRESH))

    def _draw_paths(self, fresh: bool) -> None:
        """The newest chunk as a line for each arm; joints that are not in it stay where they are."""
        chunk, base = self._streams.chunk, self._streams.chunk_base
        visible = fresh and chunk is not None
        if visible:
            positions = {**self._streams.measured, **dict(zip(self._streams.chunk_joints, chunk.values.T, strict=True))}
            steps = len(chunk.values)
            velocities = base.values if base is not None and len(base.values) == steps else np.zeros((steps, 3))
            poses = integrate_base(self._streams.base_pose, velocities, chunk.dt)  # (H, 3)
            for group, link in self._tips.items():
                points = _in_world(self._mount + self._kinematics.path(link, positions), poses)
                segments = np.stack([points[:-1], points[1:]], axis=1).astype(np.float32)  # (H - 1, 2, 3)
                line = self._lines[group]
                if line.colors.shape != segments.shape:
                    line.colors = np.broadcast_to(self._colours[group], segments.shape).copy()
                line.points = segments
                self._ends[group].position = tuple(points[-1])
        for handle in (*self._lines.values(), *self._ends.values()):
            handle.visible = visible


def _in_world(points: np.ndarray, poses: np.ndarray) -> np.ndarray:
    """Points (H, 3) in the base's frame at base poses (H, 3) x, y, yaw."""
    turned = np.einsum("hij,hj->hi", np.stack([SO3.from_z_radians(yaw).as_matrix() for yaw in poses[:, 2]]), points)
    turned[:, :2] += poses[:, :2]
    return turned
