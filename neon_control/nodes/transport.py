"""The DDS transport that raw images need.

An image of 640 x 480 (0.9 MB) does not fit into Fast DDS's default shared-memory segment: nearly every one is lost, without
a word. `config/fastdds.xml` gives it a segment that images fit in. Fast DDS reads the variables that name the file when the
first participant is made, so every `main()` calls `choose_transport()` first. A user who has set up Fast DDS otherwise is left alone.

Why not its LARGE_DATA transport, which carries images too: it discovers topics over TCP, and of 120 pairs of processes that were
started together (Fast DDS 3.2) four never found each other. With the file all 120 did.

This module imports nothing of ROS, so that it can be called before rclpy is loaded.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping

from neon_control.core.paths import find_file

TRANSPORTS = "FASTDDS_BUILTIN_TRANSPORTS"
PROFILES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")  # Fast DDS 3 (Kilted and later), 2 (Jazzy)


def choose_transport(environment: MutableMapping[str, str] = os.environ) -> None:
    """Name our profile file, unless another middleware is in use or the user chose transports or profiles.

    Args:
        environment: what to change; also the environment of a process that is about to be started.
    """
    if "fastrtps" not in environment.get("RMW_IMPLEMENTATION", "rmw_fastrtps_cpp"):
        return
    if any(environment.get(name) for name in (TRANSPORTS, *PROFILES)):
        return
    file = str(find_file("fastdds.xml", "config"))
    for name in PROFILES:
        environment[name] = file
