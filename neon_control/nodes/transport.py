"""The DDS transport that raw images need.

An image of 640 x 480 (0.9 MB) does not fit into Fast DDS's default shared-memory segment: nearly every one is lost, without
a word. Its LARGE_DATA transport carries them. It is chosen by an environment variable that Fast DDS reads when the first
participant is made, so every `main()` calls `ensure_large_data()` first. A user who has set up Fast DDS otherwise is left alone.

This module imports nothing of ROS, so that it can be called before rclpy is loaded.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping

VARIABLE = "FASTDDS_BUILTIN_TRANSPORTS"
VALUE = "LARGE_DATA"
USER_PROFILES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")


def ensure_large_data(environment: MutableMapping[str, str] = os.environ) -> None:
    """Choose the LARGE_DATA transport, unless another middleware is in use or the user chose a transport.

    Args:
        environment: what to change; also the environment of a process that is about to be started.
    """
    if "fastrtps" not in environment.get("RMW_IMPLEMENTATION", "rmw_fastrtps_cpp"):
        return
    if any(environment.get(name) for name in USER_PROFILES):
        return
    environment.setdefault(VARIABLE, VALUE)


def hazard(environment: MutableMapping[str, str] = os.environ) -> str:
    """What in the environment will lose images all the same, as a line for the log; empty when there is nothing."""
    if environment.get("ROS_AUTOMATIC_DISCOVERY_RANGE") == "LOCALHOST" and "fastrtps" in environment.get(
        "RMW_IMPLEMENTATION", "rmw_fastrtps_cpp"
    ):
        return (
            "ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST makes Fast DDS send images as loopback UDP fragments and lose nearly all of them; "
            "keep other computers out with a ROS_DOMAIN_ID of your own instead"
        )
    return ""
