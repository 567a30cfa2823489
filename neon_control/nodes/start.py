"""Joining ROS 2, with a sentence where that fails."""

from __future__ import annotations

import os
from collections.abc import Sequence

import rclpy
from rclpy.signals import SignalHandlerOptions

from neon_control.core.common.errors import ConfigError
from neon_control.nodes.clean_log import clean_logs


def start_ros(args: Sequence[str] | None = None, domain_id: int | None = None) -> None:
    """Initialise rclpy with a clean log and without its signal handlers; without `args`, those of the command line are read.

    Raises:
        ConfigError: it does not start: no keys of ROS 2 security, a parameter file that cannot be read, wrong arguments.
    """
    clean_logs()
    try:
        rclpy.init(args=None if args is None else list(args), domain_id=domain_id, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:
        keystore, text = os.environ.get("ROS_SECURITY_KEYSTORE", ""), f"ROS 2 does not start: {error}"
        if os.environ.get("ROS_SECURITY_ENABLE") == "true":
            text += f"; ROS_SECURITY_ENABLE is true: has the keystore ROS_SECURITY_KEYSTORE={keystore!r} an enclave for this program?"
        raise ConfigError(text) from error
