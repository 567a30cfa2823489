"""ROS 2 that cannot be joined is a sentence."""

from __future__ import annotations

import subprocess
import sys

import pytest
import rclpy

from neon_control.core.common.errors import ConfigError
from neon_control.nodes.start import start_ros


def test_security_without_keys_and_wrong_arguments_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"ROS 2 does not start: .*-p"):
        start_ros(["--ros-args", "-p", "no assignment"])
    monkeypatch.setenv("ROS_SECURITY_ENABLE", "true")
    monkeypatch.setenv("ROS_SECURITY_STRATEGY", "Enforce")
    with pytest.raises(ConfigError, match="has the keystore ROS_SECURITY_KEYSTORE='' an enclave"):
        start_ros()
    assert not rclpy.ok()
    page = subprocess.run([sys.executable, "-m", "neon_control.tools.cli", "monitor"], capture_output=True, text=True, timeout=60)
    assert page.returncode == 2 and "ROS 2 does not start" in page.stderr and "Traceback" not in page.stderr
