"""Definitions and hashes of message types for the recorder are those that ROS itself uses."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from neon_control.recordings.bag.bag_file import BagError
from neon_control.recordings.bag.message_types import find_definition


def test_a_type_that_rosbags_does_not_know_comes_from_the_installed_package_with_the_hash_that_ros_uses() -> None:
    # nav_msgs/Goals is newer than Jazzy; its hash is in the file that the ROS package itself installs.
    file = Path(sys.prefix) / "share" / "nav_msgs" / "msg" / "Goals.json"
    if not file.is_file():
        pytest.skip("the nav_msgs installed here have no Goals")
    hashes = {entry["type_name"]: entry["hash_string"] for entry in json.loads(file.read_text())["type_hashes"]}

    text, digest = find_definition("nav_msgs/msg/Goals")

    assert digest == hashes["nav_msgs/msg/Goals"]
    assert "geometry_msgs/PoseStamped" in text or "geometry_msgs/msg/PoseStamped" in text


def test_a_type_that_is_not_installed_and_one_of_another_edition_are_refused() -> None:
    with pytest.raises(BagError, match="vendor_msgs/msg/Level: its package is not installed"):
        find_definition("vendor_msgs/msg/Level")
    with pytest.raises(BagError, match="RIHS01_00"):
        find_definition("std_msgs/msg/String", "RIHS01_00")
