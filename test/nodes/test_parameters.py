"""A dataclass becomes ROS parameters and comes back."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import rclpy
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.parameter import Parameter

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.fields import setting
from neon_control.nodes.parameters import declare


@dataclass(frozen=True)
class Group:
    method: str = setting("act", "a choice", choices=("act", "age"))


@dataclass(frozen=True)
class Settings:
    rate: float = setting(100.0, "a rate", unit="Hz", minimum=20.0, maximum=500.0)
    count: int = setting(3, "a count", minimum=0, read_only=False)
    on: bool = setting(True, "a switch")
    names: tuple[str, ...] = setting((), "names")
    cpus: tuple[int, ...] = setting((), "numbers", minimum=0)
    gains: tuple[float, ...] = setting((1.0, 2.0), "gains", minimum=0.0)
    group: Group = field(default_factory=Group)


@pytest.fixture
def node(ros):
    """Builds a node with the given parameter values."""
    nodes = []

    def build(**values):
        overrides = [Parameter(name.replace("__", "."), value=value) for name, value in values.items()]
        nodes.append(rclpy.create_node("settings", parameter_overrides=overrides))
        return nodes[-1]

    yield build
    for each in nodes:
        each.destroy_node()


def test_defaults_come_from_the_dataclass_alone(node):
    assert declare(node(), Settings) == Settings()


def test_values_given_at_start_are_taken(node):
    given = {"rate": 50.0, "count": 7, "on": False, "names": ["x"], "cpus": [0, 1], "gains": [3.0], "group__method": "age"}
    assert declare(node(**given), Settings) == Settings(50.0, 7, False, ("x",), (0, 1), (3.0,), Group("age"))


def test_descriptors_carry_text_unit_range_and_whether_a_change_takes_effect(node):
    n = node()
    declare(n, Settings)
    rate: ParameterDescriptor = n.describe_parameter("rate")
    assert rate.description == "a rate [Hz]" and rate.read_only
    assert (rate.floating_point_range[0].from_value, rate.floating_point_range[0].to_value) == (20.0, 500.0)
    assert not n.describe_parameter("count").read_only
    assert n.describe_parameter("group.method").additional_constraints == "one of act, age"
    assert not n.set_parameters([Parameter("rate", value=30.0)])[0].successful
    assert n.set_parameters([Parameter("count", value=4)])[0].successful


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rate": 5.0}, "rate.*out of range"),
        ({"rate": 100}, r"rate needs the type DOUBLE \(write 100.0, not 100\)"),
        ({"rate": float("nan")}, "rate"),
        ({"count": -1}, "count"),
        ({"names": [1.0]}, "names needs the type STRING_ARRAY"),
        ({"cpus": [0, -3]}, r"/settings: parameter cpus\[1\] must be a whole number >= 0, got -3"),
        ({"gains": [1.0, -1.0]}, r"gains\[1\] must be a finite number >= 0.0, got -1.0"),
        ({"group__method": "best"}, r"group.method must be one of \['act', 'age'\], got 'best'"),
    ],
)
def test_wrong_values_are_refused_by_name(node, values, message):
    with pytest.raises(ConfigError, match=message):
        declare(node(**values), Settings)


def test_an_empty_list_in_a_file_means_empty(ros, tmp_path):
    file = tmp_path / "parameters.yaml"
    file.write_text("settings:\n  ros__parameters:\n    names: []\n    cpus: []\n")
    n = rclpy.create_node("settings", cli_args=["--ros-args", "--params-file", str(file)])
    assert declare(n, Settings) == Settings()
    n.destroy_node()
