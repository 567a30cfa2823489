"""`config/sros2/policy.xml` against what the nodes do: a permission too few stops the robot, one too many is an open door."""

from __future__ import annotations

import os
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import pytest
import rclpy
from rclpy.node import Node
from waiting import wait_until

from neon_control.core.common.paths import find_file
from neon_control.nodes.processes import ProcessGroup, free_domain_id, node_command

pytestmark = [pytest.mark.system, pytest.mark.patient, pytest.mark.slow]

POLICY = find_file("sros2/policy.xml", "config")
NODES = ("executor_node", "inference_node", "monitor_node", "sim_node", "monitor", "teleop")
G1 = ("unitree_node", "unitree_sim_node")
LIMIT = 60.0  # [s] for all to start on a busy machine
# What the page subscribes to only while a browser looks at it.
WATCHED = ["action_chunk/base", "action_chunk/joints", "audio", "camera/image_raw", "cmd_vel", "joint_states", "odom"]
WATCHED += [f"{part}_controller/joint_trajectory" for part in ("arm", "leg", "torso")]
# What it joins only while somebody has armed the robot there, with --takeover.
ARMED = {"publish": ["takeover/base", "takeover/enable", "takeover/joints"], "subscribe": ["commander"]}
# What the inference node subscribes to only for a policy that takes committed steps.
PLANS = ["/action_plan/base", "/action_plan/joints"]
Rights = dict[str, set[str]]  # publish, subscribe, reply, request -> names


def permitted(file: Path = POLICY) -> dict[str, Rights]:
    """What the policy file lets each node do, names written out as in the graph."""
    found: dict[str, Rights] = {}
    for enclave in ElementTree.parse(file).iterfind("enclaves/enclave"):
        (profile,) = enclave.iterfind("profiles/profile")
        node = profile.attrib["node"]
        assert (enclave.attrib["path"], profile.attrib["ns"]) == (f"/{node}", "/")
        found[node] = {verb: set() for verb in ("publish", "subscribe", "reply", "request")}
        for part in profile:
            ((verb, rule),) = part.attrib.items()
            assert rule == "ALLOW"
            names = [str(entry.text) for entry in part]
            found[node][verb] |= {name.replace("~", f"/{node}") if name[0] == "~" else f"/{name.lstrip('/')}" for name in names}
    return found


def used(observer: Node, node: str) -> Rights:
    """What the graph says that a node does."""
    calls = {
        "publish": observer.get_publisher_names_and_types_by_node,
        "subscribe": observer.get_subscriber_names_and_types_by_node,
        "reply": observer.get_service_names_and_types_by_node,
        "request": observer.get_client_names_and_types_by_node,
    }
    return {verb: {name for name, _ in call(node, "/")} for verb, call in calls.items()}


def start_our_nodes(group: ProcessGroup, ros_domain_id: int) -> None:
    params = find_file("robot.yaml", "config")
    for node in NODES[:3]:
        group.start(node, node_command(f"neon_control.nodes.{node}", params))
    group.start("sim_node", node_command("neon_control.sim.sim_node", params))
    group.start("teleop", [sys.executable, "-m", "neon_control.tools.cli", "teleop", "--source", "joy"])
    group.start("monitor", [sys.executable, "-m", "neon_control.tools.cli", "monitor", "--port", "8340"])


def start_a_g1(group: ProcessGroup, ros_domain_id: int) -> None:
    wire = {"network_interface": "lo", "domain": next(d for d in iter(free_domain_id, None) if d != ros_domain_id)}
    group.start("unitree_sim_node", node_command("neon_control.sim.unitree.node", None, wire))
    # A busy computer is no fault of the robot's.
    group.start("unitree_node", node_command("neon_control.robots.unitree.node", None, {**wire, "state_timeout": 1.0}))


@pytest.mark.parametrize(("nodes", "start"), [(NODES, start_our_nodes), (G1, start_a_g1)], ids=["ours", "a G1's"])
def test_each_node_may_do_what_it_does_and_nothing_else(
    nodes: tuple[str, ...], start: Callable[[ProcessGroup, int], None], ros_domain_id: int, tmp_path: Path
) -> None:
    rclpy.init(domain_id=ros_domain_id)
    observer = Node("observer")
    environment = {**os.environ, "ROS_DOMAIN_ID": str(ros_domain_id), "XDG_RUNTIME_DIR": str(tmp_path)}
    everything, seen = permitted(), {}
    assert set(everything) == {*NODES, *G1}
    rights = {node: everything[node] for node in nodes}
    try:
        with ProcessGroup(tmp_path, environment) as group:
            start(group, ros_domain_id)

            def agree() -> bool:
                group.check()
                present = {name for name, _ in observer.get_node_names_and_namespaces()}
                seen.update({node: used(observer, node) for node in nodes if node in present})
                seen.get("monitor", {}).get("subscribe", set()).update(f"/{topic}" for topic in WATCHED)
                for verb, topics in ARMED.items():
                    seen.get("monitor", {}).get(verb, set()).update(f"/{topic}" for topic in topics)
                seen.get("inference_node", {}).get("subscribe", set()).update(PLANS)
                return seen == rights

            try:
                wait_until(agree, LIMIT, "nodes that do what the policy file says")
            except AssertionError:
                wrong = {
                    f"{node} {verb}": {"not permitted": sorted(seen.get(node, {}).get(verb, set()) - rights[node][verb]),
                                       "not used": sorted(rights[node][verb] - seen.get(node, {}).get(verb, set()))}
                    for node in nodes for verb in rights[node] if seen.get(node, {}).get(verb, set()) != rights[node][verb]
                }  # fmt: skip
                pytest.fail("\n".join(f"{key}: {value}" for key, value in wrong.items()))
    finally:
        observer.destroy_node()
        rclpy.try_shutdown()
