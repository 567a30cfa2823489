"""The robot in space: as measured, as commanded (the ghost), and where its policy is about to take it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from itertools import cycle

import numpy as np
import viser

from neon_control.core.common.errors import ChunkError, ConfigError
from neon_control.core.control.chunk import BASE, JOINTS, ActionChunk
from neon_control.core.control.ensemble import EnsembleSettings
from neon_control.core.control.plan import Plan
from neon_control.core.robot.kinematics import Kinematics
from neon_control.core.robot.robot import Robot
from neon_control.monitor.shapes import Meshes, RobotShape, load_urdf
from neon_control.monitor.streams import JOINT_STATES, SILENT, Streams

PATH_COLOURS = ((240, 150, 30), (30, 190, 140), (200, 90, 220), (230, 210, 60))
CHUNKS_KEPT = 3  # of which the newest is drawn whose halves, joints and base, have both come
FLOOR_SIZE, FLOOR_SECTION = 6.0, 1.0  # [m]
WORLD = "/world"  # scene node of everything that has a place in the world
MOUNT = f"{WORLD}/base/mount"  # of everything that has one in the robot's root link


class SceneView:
    """Draws the newest values of `streams` when asked.

    A robot whose URDF cannot be drawn is not a reason to show nothing: `problem` then says why, and `update` does nothing.

    Attributes:
        problem: why the robot is not drawn; empty when it is.
        left_out: meshes that are not drawn, and why.
        parts: what is updated apart from `update`, and less often: the paths.

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
        self.left_out: dict[str, str] = {}
        self.parts: list[Paths] = []
        scene = server.scene
        scene.set_up_direction("+z")
        scene.configure_default_lights(cast_shadow=False)  # shadows cost more than all else where the browser draws in software
        line, section = ((215, 215, 215), (150, 150, 150)) if light else ((48, 50, 54), (84, 87, 92))
        self._follow = follow
        self._standing: tuple[float, ...] = ()  # what the browsers know of the base
        self._world = scene.add_frame(WORLD, show_axes=False)
        self._floor = scene.add_grid(
            "/floor", FLOOR_SIZE, FLOOR_SIZE, cell_size=0.25, section_size=FLOOR_SECTION, cell_color=line, section_color=section
        )
        try:
            meshes = Meshes(robot.urdf_path)
            urdf = load_urdf(robot.urdf_path, meshes)
            self.left_out = meshes.problems
            self._kinematics = Kinematics(robot.urdf_path)
            self._kinematics.poses((*self._kinematics.parents,), {})  # refuses joints of more than one degree of freedom
        except ConfigError as error:
            self.problem = str(error)
            return
        bounds = urdf.scene.bounds if urdf.scene.geometry else np.zeros((2, 3))  # (2, 3) [m]
        self._mount = np.array([0.0, 0.0, -bounds[0][2]]) if mount is None else mount
        self._base = scene.add_frame(f"{WORLD}/base", show_axes=False)
        scene.add_frame(MOUNT, show_axes=False, position=self._mount)
        self._robot = RobotShape(scene, urdf, self._kinematics, f"{MOUNT}/measured")
        self._ghost = RobotShape(scene, urdf, self._kinematics, f"{MOUNT}/commanded", ghost=True)
        self._ghost.root.visible = False
        self.parts = [Paths(scene, streams, self._kinematics, self._kinematics.hands(robot), self._mount)]
        height = max(float(bounds[1][2] - bounds[0][2]), 0.3)
        server.initial_camera.position = tuple(self._mount + np.array([0.85, -0.6, 0.3]) * height)
        server.initial_camera.look_at = tuple(self._mount + np.array([0.0, 0.0, 0.5 * float(bounds[0][2] + bounds[1][2])]))

    def update(self, now: float) -> None:
        """See `Part`."""
        if self.problem:
            return
        streams = self._streams
        x, y, yaw = streams.motion.base_pose
        follow = self._follow()
        if self._standing != (x, y, yaw, follow):
            self._standing = (x, y, yaw, follow)
            # Who follows moves the world, not the camera: that belongs to whoever looks. The floor moves on by whole sections.
            middle = np.array([x, y, 0.0]) if follow else np.zeros(3)
            self._world.position, self._floor.position = -middle, -(middle % FLOOR_SECTION)
            self._base.position, self._base.wxyz = (x, y, 0.0), (np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2))
        measured, commanded = streams.motion.measured, streams.commanded
        self._robot.pose(measured)
        self._ghost.root.visible = bool(commanded)
        if commanded:
            self._ghost.pose_where_it_differs({**measured, **commanded}, self._robot)


class Paths:
    """What lies ahead in the newest chunk, as a line for each hand. While it is not drawn anew, the hand moves along it.

    Attributes:
        colours: link -> colour.

    Args:
        mount: (3,) [m] of the root link in the base's frame.
    """

    def __init__(self, scene: viser.SceneApi, streams: Streams, kinematics: Kinematics, links: tuple[str, ...], mount: np.ndarray) -> None:
        self._streams, self._mount = streams, mount
        self.colours = dict(zip(links, cycle(PATH_COLOURS), strict=False))
        self._lines = [HandPath(scene, f"{WORLD}/base/path/{link}", colour) for link, colour in self.colours.items()]
        settings = EnsembleSettings()  # counts for nothing: single chunks are drawn
        self._plan = Plan(kinematics, links, settings, settings, CHUNKS_KEPT)
        self._planned: dict[str, ActionChunk] = {}  # the chunks that the plan has got

    def update(self, now: float) -> None:
        """See `Part`."""
        streams = self._streams
        clock = streams.clock(now)
        path = None
        if clock is not None:
            for stream in (JOINTS, BASE):  # in this order: other joints begin a new plan
                chunk = streams.chunks.get(stream)
                if chunk is not None and chunk is not self._planned.get(stream):
                    self._planned[stream] = chunk
                    with contextlib.suppress(ChunkError):  # the executor refuses it too, and counts it
                        self._plan.add(stream, chunk, clock)
            path = self._plan.newest_path(clock, streams.motion.measured) if streams.age(JOINT_STATES, now) <= SILENT else None
        for i, line in enumerate(self._lines):
            line.draw(None if path is None else self._mount + path.places[i])


class HandPath:
    """A line through points, with a ball at its end: the line's origin, so that a slow browser does not draw it elsewhere."""

    def __init__(self, scene: viser.SceneApi, name: str, colour: tuple[int, int, int]) -> None:
        self._line = scene.add_line_segments(name, np.zeros((1, 2, 3), np.float32), colour, thickness=0.012, visible=False)
        scene.add_icosphere(f"{name}/end", 0.016, colour, subdivisions=1)

    def draw(self, points: np.ndarray | None) -> None:
        """Draw it through (H, 3) [m], or no more."""
        self._line.visible = points is not None
        if points is not None:
            segments = np.stack([points[:-1], points[1:]], axis=1) - points[-1]  # (H - 1, 2, 3)
            self._line.points, self._line.position = segments.astype(np.float32), tuple(points[-1])
