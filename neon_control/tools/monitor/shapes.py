"""The robot's shapes in the browser: its URDF once as it is, and once more as the ghost of what is commanded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import trimesh
import viser
import yourdfpy

from neon_control.core.errors import ConfigError
from neon_control.core.kinematics import Kinematics, quaternions

GHOST_COLOUR, GHOST_OPACITY = (60, 170, 255), 0.3
GHOST_THRESHOLD = 0.015  # [rad] or [m] a link that is commanded to where it nearly stands needs no ghost
SMALLEST_MOVE = 0.0005  # [m] or change of a quaternion that is worth a message
GHOST_MARGIN = 0.006  # [m] the ghost's skin lies outside the robot's, or the two would flicker where they agree


def load_urdf(path: Path) -> yourdfpy.URDF:
    """The URDF with its shapes.

    Raises:
        ConfigError: it cannot be read, or its joints do not connect links.
    """
    try:
        urdf = yourdfpy.URDF.load(str(path))
        if urdf.scene is None:
            raise ValueError("no link")
    except Exception as error:  # yourdfpy and trimesh raise whatever comes up
        raise ConfigError(f"{path}: cannot be drawn: {type(error).__name__}: {error}") from error
    return urdf


class RobotShape:
    """Frames for all links and meshes in them, below the scene node `root`.

    Each frame stands in its parent's: a joint that moves costs one message, not one for each link that it carries.

    Attributes:
        links: the L links, in the order of the poses that `pose` takes.

    Args:
        ghost: translucent, in one colour.
    """

    def __init__(self, scene: viser.SceneApi, urdf: yourdfpy.URDF, kinematics: Kinematics, root: str, ghost: bool = False) -> None:
        self.links = (kinematics.root, *kinematics.parents)
        self._above = [self.links.index(parent) for parent in kinematics.parents.values()]
        self._root = scene.add_frame(root, show_axes=False)
        names = {kinematics.root: root}
        self._frames: list[viser.FrameHandle] = []
        for link, parent in kinematics.parents.items():
            names[link] = f"{names[parent]}/{link}"
            self._frames.append(scene.add_frame(names[link], show_axes=False))
        self._shapes: list[tuple[int, viser.MeshHandle]] = []  # of a ghost: link, mesh
        for number, (link, mesh) in enumerate(_meshes(urdf)):
            name = f"{names[link]}/shape_{number}"
            if ghost:
                skin = mesh.vertices + GHOST_MARGIN * mesh.vertex_normals
                shape = scene.add_mesh_simple(name, skin, mesh.faces, color=GHOST_COLOUR, opacity=GHOST_OPACITY, cast_shadow=False)
                self._shapes.append((self.links.index(link), shape))
            else:
                scene.add_mesh_trimesh(name, mesh)
        self._places, self._turns = np.zeros((len(self._frames), 3)), np.zeros((len(self._frames), 4))  # what the browsers know
        self.pose(*(poses[:, 0] for poses in kinematics.poses(self.links, {})))

    def show_difference(self, other: RobotShape) -> None:
        """Of a ghost: draw the links that stand elsewhere than the other's."""
        apart = np.abs(self._standing - other._standing).max(axis=1) > GHOST_THRESHOLD
        for link, shape in self._shapes:
            shape.visible = bool(apart[link])

    @property
    def visible(self) -> bool:
        """Whether it is drawn."""
        return bool(self._root.visible)

    @visible.setter
    def visible(self, visible: bool) -> None:
        self._root.visible = visible

    def pose(self, places: np.ndarray, rotations: np.ndarray) -> None:
        """Move the links to places (L, 3) and rotations (L, 3, 3) in the root link; only what changed is sent to the browsers."""
        self._standing = np.hstack([places, rotations.reshape(-1, 9)])  # (L, 12)
        back = rotations[self._above].swapaxes(1, 2)  # (L - 1, 3, 3) from the root link into the parents
        shifts = np.einsum("lij,lj->li", back, places[1:] - places[self._above])
        turns = quaternions(back @ rotations[1:])[:, [3, 0, 1, 2]]  # w first
        for i in np.flatnonzero(np.abs(shifts - self._places).max(axis=1) > SMALLEST_MOVE):
            self._places[i] = self._frames[i].position = shifts[i]
        for i in np.flatnonzero(np.abs(turns - self._turns).max(axis=1) > SMALLEST_MOVE):
            self._turns[i] = self._frames[i].wxyz = turns[i]


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
