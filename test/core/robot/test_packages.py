"""`package://` is found in the ament index, in ROS_PACKAGE_PATH, and above the URDF, in this order."""

from __future__ import annotations

from pathlib import Path

import pytest

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.packages import find_package, locate


@pytest.fixture(autouse=True)
def no_ros(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AMENT_PREFIX_PATH", "ROS_PACKAGE_PATH"):
        monkeypatch.delenv(name, raising=False)


def package(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.xml").write_text(f"<package><name> {name} </name></package>")
    return folder


def test_above_the_urdf_a_folder_of_that_name_or_a_manifest_that_names_it(tmp_path: Path) -> None:
    near = tmp_path / "arm_description/urdf/arm.urdf"
    near.parent.mkdir(parents=True)
    assert locate("package://arm_description/meshes/a%20b.stl", near) == tmp_path / "arm_description/meshes/a b.stl"
    other = package(tmp_path / "checkout", "hand")
    assert find_package("hand", other / "urdf/hand.urdf") == other
    sibling = tmp_path / "grip"
    sibling.mkdir()
    assert find_package("grip", near) == sibling


def test_the_ament_index_comes_first_and_then_ros_package_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    near = tmp_path / "arm/arm.urdf"
    near.parent.mkdir()
    old = package(tmp_path / "src/robots/arm", "arm")
    monkeypatch.setenv("ROS_PACKAGE_PATH", str(tmp_path / "src"))
    assert find_package("arm", near) == old
    share = tmp_path / "install/share/arm"
    share.mkdir(parents=True)
    marker = tmp_path / "install/share/ament_index/resource_index/packages/arm"
    marker.parent.mkdir(parents=True)
    marker.touch()
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path / "install"))
    assert find_package("arm", near) == share


def test_a_folder_without_a_manifest_is_found_in_ros_package_path_by_its_name_where_nothing_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = tmp_path / "robots/arm_description"
    bare.mkdir(parents=True)
    monkeypatch.setenv("ROS_PACKAGE_PATH", f"{tmp_path / 'robots'}:{tmp_path / 'src'}")
    assert find_package("arm_description", tmp_path / "robot.yaml") == bare
    named = package(tmp_path / "src/arm_description", "arm_description")
    assert find_package("arm_description", tmp_path / "robot.yaml") == named


def test_other_names_are_relative_to_the_file_or_absolute(tmp_path: Path) -> None:
    near = tmp_path / "arm.urdf"
    assert locate("meshes/a.stl", near) == tmp_path / "meshes/a.stl"
    assert locate("file:///opt/a.stl", near) == Path("/opt/a.stl") == locate("/opt/a.stl", near)


def test_a_package_that_is_nowhere_is_refused_with_the_places_and_the_mend(tmp_path: Path) -> None:
    (tmp_path / "package.xml").write_text("no xml")
    with pytest.raises(ConfigError, match=r"arm\.urdf: no package 'arm_description' in AMENT_PREFIX_PATH.*source the workspace"):
        find_package("arm_description", tmp_path / "arm.urdf")
