"""The shapes in the browser stand where an independent URDF library has the links."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import trimesh
import viser
from maker_urdfs import ROBOTS, shipped, write_packages
from viser.transforms import SO3

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.kinematics import Kinematics
from neon_control.core.robot.robot_file import load_robot
from neon_control.monitor.shapes import Meshes, RobotShape, load_urdf

SLIDER = """<robot name="slider"><link name="rail"/><link name="cart"/><link name="arm"/>
  <joint name="turn" type="revolute"><parent link="cart"/><child link="arm"/><axis xyz="0 0 2"/>
    <mimic joint="slide" multiplier="-2" offset="0.1"/><limit lower="-2" upper="2" velocity="1" effort="1"/></joint>
  <joint name="slide" type="prismatic"><parent link="rail"/><child link="cart"/><origin xyz="1 0 0" rpy="0 0 1.5707963267948966"/>
    <axis xyz="1 0 0"/><limit lower="0" upper="2" velocity="1" effort="1"/></joint>
</robot>"""


@pytest.fixture(scope="module")
def scene() -> Iterator[viser.SceneApi]:
    server = viser.ViserServer(host="127.0.0.1", port=8391, verbose=False)
    yield server.scene
    server.stop()


@pytest.fixture(params=["g1.yaml", "slider", *ROBOTS])
def urdf(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if request.param in ROBOTS:
        pytest.importorskip("xacro")
        monkeypatch.setenv("ROS_PACKAGE_PATH", str(tmp_path))
        write_packages(tmp_path, request.param)
        return load_robot(shipped(request.param)).urdf_path
    if request.param == "g1.yaml":
        return load_robot(request.param).urdf_path
    file = tmp_path / "slider.urdf"
    file.write_text(SLIDER)
    return file


def test_every_frame_sent_to_the_browser_stands_in_its_parents_as_the_urdf_says(scene: viser.SceneApi, urdf: Path) -> None:
    kinematics, reference = Kinematics(urdf), load_urdf(urdf)
    shape = RobotShape(scene, reference, kinematics, "/robot")
    rng = np.random.default_rng(1)
    for _ in range(2):
        positions = {name: rng.uniform(-1.0, 1.0) for name in reference.actuated_joint_names}
        shape.pose(positions)
        reference.update_cfg(positions)
        for (link, parent), frame in zip(kinematics.parents.items(), shape._frames, strict=True):
            expected = reference.get_transform(link, parent)
            assert frame.name.endswith(f"/{link}")
            assert np.allclose(SO3(frame.wxyz).as_matrix(), expected[:3, :3], atol=2e-3), link
            assert np.allclose(frame.position, expected[:3, 3], atol=1e-3), link


def test_the_ghost_shows_only_the_links_that_are_commanded_elsewhere(scene: viser.SceneApi) -> None:
    path = load_robot("g1.yaml").urdf_path
    kinematics = Kinematics(path)
    robot, ghost = (RobotShape(scene, load_urdf(path), kinematics, f"/{name}", name == "ghost") for name in ("real", "ghost"))
    for elbow, drawn in ((0.01, set()), (0.2, {"left_elbow_link", "left_wrist_roll_link", "left_wrist_pitch_link", "left_wrist_yaw_link"})):
        ghost.pose_where_it_differs({"left_elbow_joint": elbow}, robot)
        shown = {tuple(kinematics.parents)[link] for link, shape in ghost._shapes if shape.visible}
        assert drawn <= shown
        assert all(link.startswith("left_") for link in shown) and bool(shown) == bool(drawn)


def test_a_urdf_without_links_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "loose.urdf"
    file.write_text('<robot name="loose"><joint name="a" type="revolute"/></robot>')
    with pytest.raises(ConfigError, match=r"loose\.urdf: cannot be drawn"):
        load_urdf(file)


MESHES = """<robot name="meshes"><link name="a"><visual><geometry><mesh filename="package://arm_description/meshes/part.stl"/></geometry></visual>
  <visual><geometry><mesh filename="meshes/part.dae"/></geometry></visual>
  <visual><geometry><mesh filename="package://elsewhere/part.stl"/></geometry></visual>
  <visual><geometry><mesh filename="meshes/missing.stl"/></geometry></visual>
  <visual><geometry><mesh filename="meshes/broken.dae"/></geometry></visual>
  <visual><geometry><mesh filename="meshes/pointer.stl"/></geometry></visual></link>
  <link name="tool"/><joint name="fixed" type="fixed"><parent link="a"/><child link="tool"/><axis xyz="0 0 0"/></joint></robot>"""


def test_meshes_are_drawn_where_they_are_and_the_others_are_left_out_with_a_reason(scene: viser.SceneApi, tmp_path: Path) -> None:
    """And a fixed joint without an axis, as several exporters write it, is no reason to draw nothing."""
    folder = tmp_path / "arm_description/meshes"
    folder.mkdir(parents=True)
    box = trimesh.creation.box((0.1, 0.2, 0.3))
    box.export(folder / "part.stl")
    box.export(folder / "part.dae")
    (folder / "broken.dae").write_text("<COLLADA>")
    (folder / "pointer.stl").write_text("version https://git-lfs.github.com/spec/v1")
    file = folder.parent / "meshes.urdf"
    file.write_text(MESHES)
    meshes = Meshes(file)
    urdf = load_urdf(file, meshes)
    kinematics = Kinematics(file)
    assert set(kinematics.parents) == {"tool"} and kinematics.poses(["tool"], {})[0].tolist() == [[[0.0, 0.0, 0.0]]]
    assert len(urdf.scene.geometry) == 2 and np.allclose(urdf.scene.extents, (0.1, 0.2, 0.3))
    RobotShape(scene, urdf, kinematics, "/meshes")
    reasons = {"package://elsewhere/part.stl": "no package", "meshes/missing.stl": "No such file", "meshes/pointer.stl": "git lfs pull"}
    assert set(meshes.problems) == {*reasons, "meshes/broken.dae"}
    for name, reason in reasons.items():
        assert reason in meshes.problems[name]
