"""Which robot's topics the command prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from neon_control.core.common.errors import ConfigError
from neon_control.tools.topics import robot_file


def test_the_robot_is_the_one_given_or_that_of_the_parameter_file(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("/**/executor_node:\n  ros__parameters: {robot_config: no_such_robot.yaml}\n")

    assert robot_file("g1.yaml", str(file)).name == "g1.yaml"
    assert robot_file(None, "robot.yaml").name == "g1.yaml"
    with pytest.raises(ConfigError, match=r"no_such_robot\.yaml"):
        robot_file(None, str(file))
