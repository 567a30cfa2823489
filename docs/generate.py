"""Write docs/parameters.md from the nodes' own parameter descriptors: `make docs`.

The nodes are built, not activated, so the tables hold what a running node would answer to `ros2 param describe`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import rclpy
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node
from rclpy.parameter import Parameter

from neon_control.core.common.text_table import markdown_table
from neon_control.nodes.executor_node import ExecutorNode
from neon_control.nodes.inference import InferenceNode
from neon_control.nodes.monitor_node import MonitorNode
from neon_control.robots.unitree.node import UnitreeNode
from neon_control.sim.sim_node import SimNode
from neon_control.sim.unitree.node import UnitreeSimNode

FILE = Path(__file__).with_name("parameters.md")
NODES: tuple[Callable[[], Node], ...] = (InferenceNode, ExecutorNode, MonitorNode, SimNode, UnitreeNode, UnitreeSimNode)
OF_EVERY_NODE = ("use_sim_time", "start_type_description_service")  # rclpy's own
COLUMNS = ("parameter", "type", "default", "range", "meaning", "changes")
UNBOUNDED = 1e18  # limits beyond this stand for "none"

HEAD = """\
# Parameters

Made from the nodes' descriptors by `make docs`; edit the descriptions in the code. `config/robot.yaml` is the file that launch files
and `make demo` give to the nodes. A parameter cannot be changed while the node runs, unless the last column says so.
"""


def document() -> str:
    """The whole file."""
    rclpy.init()
    try:
        return "\n".join([HEAD, *(section(make_node) for make_node in NODES)])
    finally:
        rclpy.try_shutdown()


def section(make_node: Callable[[], Node]) -> str:
    """Heading and table of one node."""
    node = make_node()
    try:
        names = [n for n in node.list_parameters([], 0).names if n not in OF_EVERY_NODE and not n.startswith("qos_overrides")]
        rows = [row(node, name) for name in sorted(names, key=lambda name: ("." in name, name))]
        return f"## {node.get_name()}\n\n{markdown_table(COLUMNS, rows)}\n"
    finally:
        node.destroy_node()


def row(node: Node, name: str) -> tuple[str, ...]:
    """One line of the table."""
    descriptor = node.describe_parameter(name)
    parameter = node.get_parameter_or(name, Parameter(name))  # a list that is empty by default is declared without a value
    kind = Parameter.Type(descriptor.type).name.lower()
    value = str(parameter.value).lower() if kind == "bool" else str(parameter.value)
    changes = "" if descriptor.read_only else "at once"
    default = f"`{value}`" if parameter.value not in (None, "") else ""
    return f"`{name}`", kind, default, limits(descriptor), descriptor.description, changes


def limits(descriptor: ParameterDescriptor) -> str:
    """The range of a number, or the choices of a word."""
    for span in (*descriptor.floating_point_range, *descriptor.integer_range):
        low = "" if span.from_value < -UNBOUNDED else f"{span.from_value:g} ≤"
        high = "" if span.to_value > UNBOUNDED else f"≤ {span.to_value:g}"
        return f"{low} … {high}".strip()
    return descriptor.additional_constraints


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        if FILE.read_text() != document():
            sys.exit(f"{FILE.name} is not what the nodes declare: run `make docs`")
    else:
        FILE.write_text(document())
