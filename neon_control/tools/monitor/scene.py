"""The robot in space: as measured, as commanded (the ghost), and where its policy is about to take it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle

import numpy as np
import viser

from neon_control.core.errors import ConfigError
from neon_control.core.kinematics import Kinematics
from neon_control.core.plan import integrate_base, yaw_rotations
from neon_control.core.robot import Robot
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
            self._kinematics = Kinematics(robot.urdf_path)
            self._kinematics.poses((*self._kinematics.parents,), {})  # refuses joints of more than one degree of freedom
        except ConfigError as error:
            self.problem = str(error)
            return
        bounds = urdf.scene.bounds if urdf.scene.geometry else np.zeros((2, 3))  # (2, 3) [m]
        self._mount = np.array([0.0, 0.0, -bounds[0][2]]) if mount is None else mount
        self._base = scene.add_frame(f"{WORLD}/base", show_axes=False)
        scene.add_frame(f"{WORLD}/base/mount", show_axes=False, position=self._mount)
        self._robot = RobotShape(scene, urdf, self._kinematics, f"{WORLD}/base/mount/measured")
        self._ghost = RobotShape(scene, urdf, self._kinematics, f"{WORLD}/base/mount/commanded", ghost=True)
        self._ghost.visible = False
        self._hands = self._kinematics.hands(robot)
        self._paths = [HandPath(scene, f"{WORLD}/base/path/{h}", c) for h, c in zip(self._hands, cycle(PATH_COLOURS), strict=False)]
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
        self._draw_robot(streams.fresh("commands", now))
        self._draw_paths(streams.fresh("chunks", now, PATH_FRESH))

    def _draw_robot(self, fresh: bool) -> None:
        measured, commanded = self._streams.measured, {**self._streams.measured, **self._streams.commanded}
        if not commanded:
            return
        both = {name: np.array([measured.get(name, 0.0), position]) for name, position in commanded.items()}
        places, rotations = self._kinematics.poses(self._robot.links, both)  # (L, 2, 3), (L, 2, 3, 3)
        self._robot.pose(places[:, 0], rotations[:, 0])
        self._ghost.visible = bool(self._streams.commanded) and fresh
        if self._ghost.visible:
            self._ghost.pose(places[:, 1], rotations[:, 1])
            self._ghost.show_difference(self._robot)

    def _draw_paths(self, fresh: bool) -> None:
        """The newest chunk as a line for each hand; joints that are not in it stay where they are."""
        chunk, base = self._streams.chunk, self._streams.chunk_base
        if not fresh or chunk is None:
            for path in self._paths:
                path.hide()
            return
        positions = {**self._streams.measured, **dict(zip(self._streams.chunk_joints, chunk.values.T, strict=True))}
        steps = len(chunk.values)
        velocities = base.values if base is not None and len(base.values) == steps else np.zeros((steps, 3))
        poses = integrate_base(np.zeros(3), velocities, chunk.dt)  # (H, 3) in the base's present frame
        places = self._mount + self._kinematics.poses(self._hands, positions)[0]  # (L, H, 3)
        places = np.einsum("hij,lhj->lhi", yaw_rotations(poses[:, 2]), places)
        places[..., :2] += poses[:, :2]
        for path, points in zip(self._paths, places, strict=True):
            path.show(points)


class HandPath:
    """A line through points, with a ball at its end: the line's origin, so that a slow browser does not draw it elsewhere."""

    def __init__(self, scene: viser.SceneApi, name: str, colour: tuple[int, int, int]) -> None:
        self._line = scene.add_line_segments(name, np.zeros((1, 2, 3), np.float32), colour, thickness=0.012, visible=False)
        scene.add_icosphere(f"{name}/end", 0.016, colour, subdivisions=1)

    def show(self, points: np.ndarray) -> None:
        """Draw it through (H, 3) [m]."""
        segments = np.stack([points[:-1], points[1:]], axis=1) - points[-1]  # (H - 1, 2, 3)
        self._line.points, self._line.position, self._line.visible = segments.astype(np.float32), tuple(points[-1]), True

    def hide(self) -> None:
        """Draw it no more."""
        self._line.visible = False
