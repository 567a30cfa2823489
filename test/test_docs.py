"""The documentation says what the code does: parameters, topics, services, commands, files."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import rclpy
import yaml
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.node import Node

from neon_control.core.control import supervisor
from neon_control.core.robot.robot_file import load_robot
from neon_control.nodes.executor_node import ExecutorNode
from neon_control.nodes.inference import InferenceNode
from neon_control.nodes.lifecycle import AutostartNode
from neon_control.nodes.monitor_node import MonitorNode
from neon_control.robots.unitree.motors import MODELS
from neon_control.robots.unitree.node import UnitreeNode
from neon_control.robots.unitree.packed import LOW_STATE
from neon_control.sim.sim_node import SimNode
from neon_control.sim.unitree.node import UnitreeSimNode
from neon_control.tools.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
NODES: dict[str, Callable[[], Node]] = {
    "inference_node": InferenceNode,
    "executor_node": ExecutorNode,
    "monitor_node": MonitorNode,
    "sim_node": SimNode,
    "unitree_node": UnitreeNode,
    "unitree_sim_node": UnitreeSimNode,
}
NAMESPACE = "/robot"  # tells relative names from absolute ones
# What every node, and every lifecycle node, offers whatever it does.
OF_EVERY_NODE = re.compile(
    r"/rosout|/parameter_events|.*/(get_type_description|((get|set|list|describe)_parameter(_type)?s(_atomically)?)"
    r"|transition_event|(get|change)_state|get_available_(states|transitions)|get_transition_graph)"
)

state = LOW_STATE.make()
state.fields["mode_machine"] = MODELS["29"].mode_machine
LOW_STATE_OF_29_JOINTS = state.to_wire()

Interface = tuple[str, str, str]  # direction, name, type


@pytest.fixture
def ros(ros_domain_id: int) -> Iterator[None]:
    rclpy.init(args=["--ros-args", "-r", f"__ns:={NAMESPACE}"])
    yield
    rclpy.try_shutdown()


def documented_interfaces() -> dict[str, set[Interface]]:
    """Node -> the rows of its table in docs/topics.md."""
    tables: dict[str, set[Interface]] = {}
    node = ""
    for line in (ROOT / "docs" / "topics.md").read_text().splitlines():
        if line.startswith("## "):
            node = line[3:].strip()
        cells = [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]
        if cells[0] in ("publishes", "subscribes", "serves"):
            tables.setdefault(node, set()).add((cells[0], cells[1], cells[2]))
    return tables


def as_written(topic: str, node: str) -> str:
    """A fully qualified name as the code gave it: private, relative or absolute."""
    private, relative = f"{NAMESPACE}/{node}/", f"{NAMESPACE}/"
    return f"~/{topic.removeprefix(private)}" if topic.startswith(private) else topic.removeprefix(relative)


def offered_interfaces(node: Node) -> set[Interface]:
    """What a configured node has on the graph."""
    name = node.get_name()
    return {
        (direction, as_written(topic, name), kind.replace("/msg/", "/").replace("/srv/", "/"))
        for direction, list_names in (
            ("publishes", node.get_publisher_names_and_types_by_node),
            ("subscribes", node.get_subscriber_names_and_types_by_node),
            ("serves", node.get_service_names_and_types_by_node),
        )
        for topic, kinds in list_names(name, NAMESPACE)
        if not OF_EVERY_NODE.fullmatch(topic)
        for kind in kinds
    }


@pytest.mark.system
@pytest.mark.parametrize("name", NODES)
def test_topics_and_services_are_documented_and_documented_ones_exist(name: str, ros: None) -> None:
    node = NODES[name]()
    try:
        if isinstance(node, AutostartNode):
            assert node.trigger_configure() is TransitionCallbackReturn.SUCCESS
        if isinstance(node, UnitreeNode):  # it listens to commands only while it has a robot's arms
            assert node._driver.take_state(0, LOW_STATE_OF_29_JOINTS)
            node._listen(True)
        assert offered_interfaces(node) == documented_interfaces()[name]
    finally:
        node.destroy_node()


@pytest.mark.system
def test_the_parameter_tables_are_those_of_the_code(ros_domain_id: int) -> None:
    result = subprocess.run([sys.executable, ROOT / "docs" / "generate.py", "--check"], capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stderr


EVERY_ROBOT_SETS = ("robot_config", "policy", "mode")  # said in config/robot.yaml whatever the defaults are


def flatten(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


@pytest.mark.system
@pytest.mark.parametrize("key", ["/**/inference_node", "/**/executor_node", "/**/monitor_node"])
def test_the_parameter_file_sets_only_parameters_that_exist_and_repeats_no_default(key: str, ros: None) -> None:
    file = yaml.safe_load((ROOT / "config" / "robot.yaml").read_text())
    assert len(file) == 3
    node = NODES[key.rsplit("/", 1)[-1]]()
    try:
        values = dict(flatten(file[key]["ros__parameters"]))
        assert [name for name in values if not node.has_parameter(name)] == [], f"{key} ignores what the file says"
        own = {name: value for name, value in values.items() if name not in EVERY_ROBOT_SETS}
        assert {name: value for name, value in own.items() if node.get_parameter(name).value == value} == {}, "the code says so already"
    finally:
        node.destroy_node()


@pytest.mark.parametrize("page", ["README.md", "docs/robots.md"])
def test_the_robot_file_that_is_shown_is_one_that_loads(page: str, tmp_path: Path) -> None:
    text = re.findall(r"```yaml\n(name: .*?)```", (ROOT / page).read_text(), flags=re.DOTALL)[0]
    shown = yaml.safe_load(text)
    names = [name for group in shown["groups"].values() for name in group]
    limit = '<limit lower="-1" upper="1" velocity="1" effort="1"/>'
    joints = "".join(
        f'<link name="{n}"/><joint name="{n}" type="revolute"><parent link="root"/><child link="{n}"/>{limit}</joint>' for n in names
    )
    (tmp_path / shown["urdf"]).write_text(f'<robot name="shown"><link name="root"/>{joints}</robot>')
    (tmp_path / "robot.yaml").write_text(text)

    assert list(load_robot(tmp_path / "robot.yaml").joints) == names


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_link_leads_to_a_file(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)", page.read_text())

    assert [t for t in targets if "://" not in t and not (page.parent / t).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_named_command_exists(page: Path) -> None:
    text = page.read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))

    assert set(re.findall(r"(?:^|`)make ([a-z]+)", text, flags=re.MULTILINE)) <= targets
    assert set(re.findall(r"neon_control (?!\S*\.launch)([a-z]+)\b(?= --|`| [A-Z])", text)) <= set(COMMANDS)
    assert all((ROOT / "launch" / name).is_file() for name in re.findall(r"[a-z]+\.launch\.py", text))


def test_the_state_diagram_is_the_executor_s_state_machine() -> None:
    drawn = set(re.findall(r"^ +(\w+) --> (\w+): (\w+)$", (ROOT / "docs" / "safety.md").read_text(), flags=re.MULTILINE))

    assert drawn == {(state.value, successor.value, why) for state, rows in supervisor._TABLE.items() for why, successor in rows}


def test_every_reason_for_rejecting_a_chunk_is_explained() -> None:
    explained = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "troubleshooting.md").read_text(), flags=re.MULTILINE))
    source = "\n".join(file.read_text() for file in (ROOT / "neon_control").rglob("*.py"))
    raised = set(re.findall(r'(?:ChunkError\(|reject\(stream,)\s*"(\w+)"', source))

    assert explained == raised


@pytest.mark.parametrize(
    ("page", "check"),
    [
        (
            "heads.md",
            "import torch, my_heads; from neon_control.model.action_heads import build_head; "
            "print(tuple(build_head({'type': 'linear', 'input_dim': 8, 'action_dim': 3}).eval()(torch.zeros(2, 8)).shape))",
        ),
        (
            "backbones.md",
            "import pathlib, numpy, my_backbones; from neon_control.runtime.encoders.registry import load_backbone; "
            "backbone = load_backbone(my_backbones.BackboneSpec('mean_colour', '1', 3), pathlib.Path()); "
            "print(backbone.encode([[numpy.full((4, 4, 3), 7, numpy.uint8)]] * 2).features.shape)",
        ),
    ],
)
def test_the_examples_of_own_heads_and_backbones_run(page: str, check: str, tmp_path: Path) -> None:
    code = re.search(r"```python\n# (\w+\.py)\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)
    assert code is not None
    (tmp_path / code[1]).write_text(code[2])
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    done = subprocess.run([sys.executable, "-c", check], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == {"heads.md": "(2, 16, 3)\n", "backbones.md": "(2, 3)\n"}[page], done.stderr
