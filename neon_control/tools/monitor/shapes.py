"""The robot's shapes in the browser: its URDF once as it is, and once more as the ghost of what is commanded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
import viser
import yourdfpy

from neon_control.core.errors import ConfigError
from neon_control.tools.monitor.kinematics import Kinematics

GHOST_COLOUR, GHOST_OPACITY = (60, 170, 255), 0.3
GHOST_THRESHOLD = 0.015  # [rad] or [m] a link whose joints are all closer to the measured ones needs no ghost
SMALLEST_TURN = 0.0005  # change of a quaternion that is worth a message
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

    Args:
        ghost: translucent, in one colour.
    """

    def __init__(self, scene: viser.SceneApi, urdf: yourdfpy.URDF, kinematics: Kinematics, root: str, ghost: bool = False) -> None:
        self._kinematics = kinematics
        self._root = scene.add_frame(root, show_axes=False)
        names = {kinematics.root: root}
        self._frames: list[viser.FrameHandle] = []
        for joint in kinematics.joints:
            names[joint.child] = f"{names[joint.parent]}/{joint.child}"
            self._frames.append(scene.add_frame(names[joint.child], show_axes=False, position=joint.position))
        self._shapes: dict[str, list[viser.MeshHandle]] = {}
        for number, (link, mesh) in enumerate(_meshes(urdf)):
            name = f"{names[link]}/shape_{number}"
            if ghost:
                skin = mesh.vertices + GHOST_MARGIN * mesh.vertex_normals
                shape = scene.add_mesh_simple(name, skin, mesh.faces, color=GHOST_COLOUR, opacity=GHOST_OPACITY, cast_shadow=False)
                self._shapes.setdefault(link, []).append(shape)
            else:
                scene.add_mesh_trimesh(name, mesh)
        self._sent = np.zeros((len(self._frames), 4))  # what the browsers know
        self._prismatic = [i for i, joint in enumerate(kinematics.joints) if joint.kind == "prismatic"]

    def show_difference(self, positions: Mapping[str, float], others: Mapping[str, float]) -> None:
        """Of a ghost: draw the links that stand elsewhere in the pose `positions` than in the pose `others`."""
        moved: set[str] = set()
        for joint in self._kinematics.joints:
            apart = abs(positions.get(joint.source, 0.0) - others.get(joint.source, 0.0))
            if joint.parent in moved or (joint.kind != "fixed" and apart > GHOST_THRESHOLD):
                moved.add(joint.child)
        for link, shapes in self._shapes.items():
            for shape in shapes:
                shape.visible = link in moved

    @property
    def visible(self) -> bool:
        """Whether it is drawn."""
        return bool(self._root.visible)

    @visible.setter
    def visible(self, visible: bool) -> None:
        self._root.visible = visible

    def pose(self, positions: Mapping[str, float]) -> None:
        """Move the links; only what changed is sent to the browsers."""
        quaternions = self._kinematics.quaternions(positions)
        moved = np.abs(quaternions - self._sent).max(axis=1, initial=0.0) > SMALLEST_TURN
        self._sent[moved] = quaternions[moved]
        for i in np.flatnonzero(moved):
            self._frames[i].wxyz = quaternions[i]
        for i in self._prismatic:
            self._frames[i].position = self._kinematics.place(self._kinematics.joints[i], positions)


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
