"""The layouts of RViz and Foxglove show what exists: published topics with the types that displays read, and plugins of RViz 2."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from neon_control.core.robot.robot_file import load_robot
from neon_control.core.robot.urdf import read_urdf

ROOT = Path(__file__).resolve().parents[1]
# Displays of rviz_default_plugins (Jazzy and later) -> the message that they read, and the properties that they have.
COMMON = {"Class", "Name", "Enabled", "Value"}
DISPLAYS: dict[str, tuple[str | None, set[str]]] = {
    "Grid": (
        None,
        {"Alpha", "Cell Size", "Color", "Line Style", "Normal Cell Count", "Offset", "Plane", "Plane Cell Count", "Reference Frame"},
    ),
    "RobotModel": (
        "std_msgs/String",
        {"Alpha", "Collision Enabled", "Description Source", "Description Topic", "TF Prefix", "Update Interval", "Visual Enabled"},
    ),
    "MarkerArray": ("visualization_msgs/MarkerArray", {"Namespaces", "Topic"}),
    "Path": (
        "nav_msgs/Path",
        {"Alpha", "Buffer Length", "Color", "Line Style", "Line Width", "Offset", "Pose Style", "Topic"},
    ),
    "Image": ("sensor_msgs/Image", {"Max Value", "Median window", "Min Value", "Normalize Range", "Topic"}),
    "TF": (None, {"Frame Timeout", "Marker Scale", "Show Arrows", "Show Axes", "Show Names", "Update Interval"}),
}
TOOLS: dict[str, set[str]] = {
    "Interact": {"Hide Inactive Objects"},
    "MoveCamera": set(),
    "Select": set(),
    "FocusCamera": set(),
    "Measure": set(),
}
VIEWS = {
    "Orbit": {"Distance", "Focal Point", "Near Clip Distance", "Pitch", "Target Frame", "Yaw"},
    "TopDownOrtho": {"Angle", "Near Clip Distance", "Scale", "Target Frame", "X", "Y"},
}
# Properties that take one of some words; RViz keeps its default without a message where it does not know the word.
WORDS = {
    "Description Source": {"Topic", "File"},
    "Line Style": {"Lines", "Billboards"},
    "Plane": {"XY", "XZ", "YZ"},
    "Pose Style": {"None", "Axes", "Arrows"},
}
PANELS = {"rviz_common/Displays", "rviz_common/Views"}
QOS = {
    "Depth": {1, 5},
    "Durability Policy": {"Volatile", "Transient Local"},
    "History Policy": {"Keep Last"},
    "Reliability Policy": {"Reliable", "Best Effort"},
}


def published() -> dict[str, str]:
    """Topic -> type, as documented (test_docs compares that with the nodes), and what robot_state_publisher adds."""
    rows = re.findall(r"^\| publishes \| `([^`]+)` \| `([^`]+)` \|", (ROOT / "docs" / "topics.md").read_text(), flags=re.MULTILINE)
    return dict(rows) | {"robot_description": "std_msgs/String"}


def rviz() -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load((ROOT / "config" / "robot.rviz").read_text())
    return data


def displays() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = rviz()["Visualization Manager"]["Displays"]
    return found


def root_link() -> str:
    return read_urdf(load_robot("g1.yaml").urdf_path).root


def values(data: object, key: str) -> Iterator[Any]:
    """Every value of `key` anywhere in nested lists and dictionaries."""
    if isinstance(data, dict):
        yield from ([data[key]] if key in data else [])
        for inner in data.values():
            yield from values(inner, key)
    elif isinstance(data, list):
        for inner in data:
            yield from values(inner, key)


@pytest.mark.parametrize("display", displays(), ids=lambda d: d["Name"])
def test_a_display_reads_a_topic_that_is_published_with_its_type(display: dict[str, Any]) -> None:
    package, _, plugin = display["Class"].partition("/")
    kind, properties = DISPLAYS[plugin]

    assert package == "rviz_default_plugins"
    assert set(display) <= COMMON | properties, "RViz ignores what it does not know"
    assert all(display[key] in words for key, words in WORDS.items() if key in display)
    topic = display.get("Topic") or display.get("Description Topic")
    assert (topic is None) == (kind is None)
    if topic is not None:
        assert published()[topic["Value"]] == kind
        assert not topic["Value"].startswith("/"), "relative, so that a namespace moves it"
        assert topic.keys() == {"Value", *QOS} and all(topic[key] in allowed for key, allowed in QOS.items())


def test_rviz_has_all_plugins_and_the_frame_is_the_robot_s() -> None:
    data = rviz()
    classes = set(values(data["Visualization Manager"], "Class")) - {""}

    assert classes == {f"rviz_default_plugins/{name}" for name in {*DISPLAYS, *TOOLS, *VIEWS}}
    manager = data["Visualization Manager"]
    plugins = [(tool, TOOLS) for tool in manager["Tools"]] + [
        (view, VIEWS) for view in (manager["Views"]["Current"], *manager["Views"]["Saved"])
    ]
    for plugin, known in plugins:
        assert set(plugin) <= COMMON | known[plugin["Class"].split("/")[1]], "RViz ignores what it does not know"
    assert {panel["Class"] for panel in data["Panels"]} == PANELS
    assert data["Visualization Manager"]["Global Options"]["Fixed Frame"] == root_link()
    robots = [d["TF Prefix"] for d in displays() if d["Class"].endswith("/RobotModel")]
    ghost = re.findall(r'^GHOST = "(\w+)"', (ROOT / "launch" / "robot.launch.py").read_text(), flags=re.MULTILINE)
    assert robots == ["", *ghost]


def test_rviz_is_told_to_show_the_docks_with_the_panels_and_the_camera() -> None:
    # Where a layout is silent about it, RViz 2 (Jazzy, for one) reads a variable that was never set.
    geometry = rviz()["Window Geometry"]

    assert geometry["Hide Left Dock"] is False
    assert geometry["Hide Right Dock"] is False


def test_every_path_and_every_drawing_has_a_display() -> None:
    shown = {(d.get("Topic") or {}).get("Value") for d in displays()}

    assert {topic for topic in published() if topic.startswith("monitor/")} - shown == {"monitor/ghost_joint_states"}


def foxglove() -> dict[str, Any]:
    data: dict[str, Any] = json.loads((ROOT / "config" / "foxglove.json").read_text())
    return data


def test_foxglove_s_topics_are_published() -> None:
    panels = foxglove()["configById"]
    scene = panels["3D!plan"]
    paths = list(values(panels, "value"))
    topics = {*scene["topics"], *values(panels, "imageTopic"), *values(panels, "topicToRender"), *values(scene["layers"], "topic")}
    topics |= {path.split(".")[0] for path in paths}

    assert {"/monitor/markers", "/camera/image_raw", "/diagnostics", "/robot_description", "/cmd_vel"} <= topics
    assert {t for t in topics if t not in published() and t.removeprefix("/") not in published()} == set()
    assert set(scene["topics"]) == {
        f"/{t}" for t, kind in published().items() if kind in ("visualization_msgs/MarkerArray", "nav_msgs/Path")
    }
    assert scene["followTf"] == root_link()
    text = (ROOT / "docs" / "diagnostics.md").read_text()
    known = ["[^/]+".join(map(re.escape, re.split(r"<\w+>", key))) for key in re.findall(r"^\| `([^`]+)` \|", text, flags=re.MULTILINE)]
    told = [re.fullmatch(r'/diagnostics\.status\[:\]\{name=="([^"]+)"\}\.values\[:\]\{key=="([^"]+)"\}\.value', p) for p in paths]
    for name, key in (match.groups() for match in told if match):
        assert f"`{name}`" in text and any(re.fullmatch(k, key) for k in known), (name, key)
    assert sum(match is not None for match in told) == sum(path.startswith("/diagnostics") for path in paths) == 6


def test_foxglove_does_not_draw_an_axis_and_a_name_at_every_link_of_both_robots() -> None:
    # There is no switch for all frames at once, only sizes.
    assert foxglove()["configById"]["3D!plan"]["scene"]["transforms"] == {"showLabel": False, "axisScale": 0, "lineWidth": 0}


def test_foxglove_s_panels_are_those_of_its_layout() -> None:
    def leaves(node: Any) -> list[str]:
        return [node] if isinstance(node, str) else [*leaves(node["first"]), *leaves(node["second"])]

    data = foxglove()
    assert sorted(leaves(data["layout"])) == sorted(data["configById"])
    kinds = {name.split("!")[0] for name in data["configById"]}
    assert kinds == {"3D", "Image", "Plot", "StateTransitions", "DiagnosticSummary", "DiagnosticStatusPanel"}


def test_the_monitor_combines_chunks_as_the_executor_does() -> None:
    sections = yaml.safe_load((ROOT / "config" / "robot.yaml").read_text())
    monitor, executor = (sections[f"/**/{node}"]["ros__parameters"] for node in ("monitor_node", "executor_node"))

    assert {key: monitor.get(key) for key in ("joints", "base")} == {key: executor.get(key) for key in ("joints", "base")}
