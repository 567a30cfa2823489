"""The robot's shapes in the browser: its URDF once as it is, and once more as the ghost of what is commanded."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
import viser
import yourdfpy

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.files import lfs_hint, open_regular
from neon_control.core.robot.kinematics import Kinematics
from neon_control.core.robot.packages import locate
from neon_control.core.robot.xacro_file import source_of

GHOST_COLOUR, GHOST_OPACITY = (60, 170, 255), 0.3
GHOST_THRESHOLD = 0.015  # [rad] or [m], all joints on the way together: a link that is commanded to where it nearly stands needs no ghost
SMALLEST_MOVE = 0.001  # [rad] or [m] that is worth a message
GHOST_MARGIN = 0.006  # [m] the ghost's skin lies outside the robot's, or the two would flicker where they agree


class Meshes:
    """Finds the mesh files of a URDF; a robot is drawn without those that are missing or cannot be read.

    Attributes:
        problems: mesh -> why it is not drawn.
    """

    def __init__(self, path: Path) -> None:
        self._near = source_of(path)
        self.problems: dict[str, str] = {}

    def __call__(self, fname: str) -> str:
        """The file to load; an empty text for one that is left out."""
        try:
            file = locate(fname, self._near)
            with open_regular(file):
                pass
            if hint := lfs_hint(file):
                raise ValueError(hint)
            trimesh.load(file, force="scene")  # whoever cannot be loaded would end the loading of the whole robot
        except Exception as error:  # trimesh raises whatever comes up
            reason = error.strerror if isinstance(error, OSError) else str(error)
            self.problems[fname] = str(reason or type(error).__name__)
            return ""
        return str(file)


def load_urdf(path: Path, meshes: Meshes | None = None) -> yourdfpy.URDF:
    """The URDF with its shapes, as far as `meshes` finds them; ConfigError where it cannot be read, or its joints do not connect links."""
    logger = logging.getLogger(yourdfpy.__name__)
    level = logger.level
    logger.setLevel(logging.ERROR)  # it warns of each mesh that is left out: `meshes` knows why
    try:
        urdf = yourdfpy.URDF.load(str(path), filename_handler=Meshes(path) if meshes is None else meshes)
        if urdf.scene is None:
            raise ValueError("no link")
    except Exception as error:  # yourdfpy and trimesh raise whatever comes up
        raise ConfigError(f"{source_of(path)}: cannot be drawn: {type(error).__name__}: {error}") from error
    finally:
        logger.setLevel(level)
    return urdf


class RobotShape:
    """Frames for all links and meshes in them, below the scene node `root`; those of a ghost are translucent, in one colour.

    Each frame stands in its parent's: a joint that moves costs one message, not one for each link that it carries.

    Attributes:
        root: the frame of the whole.
        positions: (L,) [rad] or [m] of the joint above each link but the root, as the browsers know them.
    """

    def __init__(self, scene: viser.SceneApi, urdf: yourdfpy.URDF, kinematics: Kinematics, root: str, ghost: bool = False) -> None:
        self._kinematics = kinematics
        self.root = scene.add_frame(root, show_axes=False)
        links = tuple(kinematics.parents)
        names = {kinematics.root: root}
        self._frames: list[viser.FrameHandle] = []
        self._carries = np.zeros((len(links), len(links)))  # 1 where the joint of the column is on the way to the link of the row
        for number, (link, parent) in enumerate(kinematics.parents.items()):
            names[link] = f"{names[parent]}/{link}"
            self._frames.append(scene.add_frame(names[link], show_axes=False))
            if parent != kinematics.root:
                self._carries[number] = self._carries[links.index(parent)]
            self._carries[number, number] = 1.0
        self._shapes: list[tuple[int, viser.MeshHandle]] = []  # of a ghost: link, mesh; nothing moves the root's
        for number, (link, mesh) in enumerate(_meshes(urdf)):
            name = f"{names[link]}/shape_{number}"
            if ghost and link != kinematics.root:
                skin = mesh.vertices + GHOST_MARGIN * mesh.vertex_normals
                shape = scene.add_mesh_simple(name, skin, mesh.faces, color=GHOST_COLOUR, opacity=GHOST_OPACITY, cast_shadow=False)
                self._shapes.append((links.index(link), shape))
            elif not ghost:
                scene.add_mesh_trimesh(name, mesh)
        self.positions = np.full(len(links), np.inf)
        self._places: list[np.ndarray | None] = [None] * len(links)  # of the frames, as the browsers know them
        self.pose({})

    def pose_where_it_differs(self, positions: Mapping[str, float], other: RobotShape) -> None:
        """Of a ghost: as `pose`, but only the links that stand elsewhere than the other's, and only those are drawn."""
        wanted = self._kinematics.joint_positions(positions)
        apart = self._carries @ self._kinematics.apart(wanted, other.positions) > GHOST_THRESHOLD
        self._move(np.where(apart @ self._carries > 0.0, wanted, self.positions))
        for link, shape in self._shapes:
            shape.visible = bool(apart[link])

    def pose(self, positions: Mapping[str, float]) -> None:
        """Move the joints; those that are not named are at zero. Only what changed is sent to the browsers."""
        self._move(self._kinematics.joint_positions(positions))

    def _move(self, wanted: np.ndarray) -> None:
        for number in np.flatnonzero(np.abs(wanted - self.positions) > SMALLEST_MOVE).tolist():
            self.positions[number] = wanted[number]
            place, (x, y, z, w) = self._kinematics.in_parent(number, float(wanted[number]))
            frame = self._frames[number]
            if place is not self._places[number]:  # always the same one, unless the link slides
                self._places[number] = frame.position = place
            frame.wxyz = (w, x, y, z)


def _meshes(urdf: yourdfpy.URDF) -> list[tuple[str, Any]]:
    """(link, mesh in the link's frame) of every shape."""
    found = []
    parents = urdf.scene.graph.transforms.parents
    for name, geometry in urdf.scene.geometry.items():
        link = parents[name]
        mesh = trimesh.Trimesh(geometry.vertices, geometry.faces, visual=geometry.visual, process=False)  # primitives cannot be moved
        mesh.apply_transform(urdf.get_transform(name, link))
        found.append((link, mesh))
    return found
