"""The DDS transport that raw images need.

An image of 640 x 480 (0.9 MB) does not fit into Fast DDS's default shared-memory segment: nearly every one is lost, without
a word. `config/fastdds.xml` gives it a segment that images fit in. Fast DDS reads the variable that names the file once, when the
first participant of a process is made, so every `main()` calls `choose_transport()` first. A user who has set up Fast DDS otherwise
is left alone.

Why not its LARGE_DATA transport, which carries images too: it discovers topics over TCP, and of 120 pairs of processes that were
started together (Fast DDS 3.2) four never found each other. With the file all 120 did.

This module imports nothing of ROS, so that it can be called before rclpy is loaded.
"""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Mapping, MutableMapping

from neon_control.core.common.paths import find_file

TRANSPORTS = "FASTDDS_BUILTIN_TRANSPORTS"
PROFILES, PROFILES_JAZZY = "FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE"  # Fast DDS 3 warns of the name that 2 needs


def choose_transport(environment: MutableMapping[str, str] = os.environ) -> None:
    """Name our profile file in `environment`, unless another middleware is in use or the user chose transports or profiles there."""
    if "fastrtps" not in environment.get("RMW_IMPLEMENTATION", "rmw_fastrtps_cpp"):
        return
    if any(environment.get(name) for name in (TRANSPORTS, PROFILES, PROFILES_JAZZY)):
        return
    environment[PROFILES_JAZZY if _is_jazzy(environment) else PROFILES] = str(find_file("fastdds.xml", "config"))


def _is_jazzy(environment: Mapping[str, str]) -> bool:
    """Whether Fast DDS is of generation 2: by the sourced distribution, else by the wheels that are installed."""
    if "ROS_DISTRO" in environment:
        return environment["ROS_DISTRO"] == "jazzy"
    try:
        importlib.metadata.distribution("ros-jazzy-rclpy")
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
