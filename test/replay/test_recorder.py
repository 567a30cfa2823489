"""What the recorder writes is what was sent, with all that a replay needs to send it again; read back with `rosbags`' own reader."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import rclpy
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from rclpy.serialization import deserialize_message
from rosbags.interfaces import QosDurability, QosReliability
from rosbags.rosbag2 import Reader
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from trajectory_msgs.msg import JointTrajectory
from waiting import wait_until

from neon_control.nodes.chunk_messages import chunk_qos
from neon_control.recordings.bag.bag_file import BagError
from neon_control.replay.node_facts import NodeFacts
from neon_control.replay.recorder import Recorder

pytestmark = pytest.mark.system


def record_until(recorder: Recorder, done: object, counts: dict[str, int]) -> None:
    def enough() -> bool:
        recorder.poll()
        return all(topic in recorder.channels and recorder.channels[topic].count >= n for topic, n in counts.items())

    wait_until(enough, 10.0, f"{counts} messages", tick=done if callable(done) else None)


def test_messages_definitions_and_qos_read_back_as_they_were_sent(node: Node, robot: Node, tmp_path: Path) -> None:
    states = robot.create_publisher(JointState, "joint_states", qos_profile_sensor_data)
    chunks = robot.create_publisher(JointTrajectory, "action_chunk/joints", chunk_qos())
    latched = robot.create_publisher(String, "instruction", QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL))
    latched.publish(String(data="said before the recording began"))
    recorder = Recorder(node, tmp_path / "bag", ["joint_states", "action_chunk/joints", "instruction", "odom"], compress=True)
    message = JointState(name=["a", "b"], position=[0.5, -0.5])

    def speak() -> None:
        if states.get_subscription_count() and chunks.get_subscription_count():
            states.publish(message)
            chunks.publish(JointTrajectory(joint_names=["a"]))

    record_until(recorder, speak, {"/r1/joint_states": 3, "/r1/action_chunk/joints": 3, "/r1/instruction": 1})
    late = robot.create_publisher(String, "odom", 10)  # any type: what counts is that it came later

    def speak_late() -> None:
        if late.get_subscription_count():
            late.publish(String(data="late"))

    record_until(recorder, speak_late, {"/r1/odom": 1})
    recorder.note("key", "value")
    recorder.close()

    with Reader(tmp_path / "bag") as reader:
        connections = {c.topic: c for c in reader.connections}
        assert set(connections) == {"/r1/joint_states", "/r1/action_chunk/joints", "/r1/instruction", "/r1/odom"}
        qos = {topic: c.ext.offered_qos_profiles[0] for topic, c in connections.items()}
        assert qos["/r1/joint_states"].reliability is QosReliability.BEST_EFFORT
        assert qos["/r1/action_chunk/joints"].reliability is QosReliability.RELIABLE
        assert qos["/r1/action_chunk/joints"].deadline == (0, 500_000_000)
        assert qos["/r1/instruction"].durability is QosDurability.TRANSIENT_LOCAL
        announced = robot.get_publishers_info_by_topic("/r1/joint_states")[0]
        assert connections["/r1/joint_states"].digest == str(announced.topic_type_hash)
        raw = [data for c, _, data in reader.messages() if c.topic == "/r1/joint_states"]
        assert len(raw) >= 3 and all(deserialize_message(bytes(data), JointState) == message for data in raw)
        assert reader.storage.metadata.custom == {"key": "value"}
    assert recorder.lost == 0


def test_a_folder_that_exists_is_not_overwritten(node: Node, tmp_path: Path) -> None:
    with pytest.raises(BagError, match="exists"):
        Recorder(node, tmp_path, ["joint_states"])


def test_a_disk_that_refuses_is_an_error_that_names_the_bag(node: Node, robot: Node, tmp_path: Path) -> None:
    import resource

    states = robot.create_publisher(JointState, "joint_states", 10)
    recorder = Recorder(node, tmp_path / "bag", ["joint_states"])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    message = JointState(name=["x" * 500_000])
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limits[1]))  # as a full disk: writing fails
        with pytest.raises(BagError, match=r"cannot write to .*bag"):
            record_until(recorder, lambda: states.publish(message), {"/r1/joint_states": 50})
        with pytest.raises(BagError, match=r"bag is incomplete"):
            recorder.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        shutil.rmtree(tmp_path / "bag")


def test_the_bag_tells_a_node_s_parameters_the_policy_s_hashes_and_later_changes(node: Node, robot: Node, tmp_path: Path) -> None:
    robot.declare_parameter("policy", "g1_reach")
    robot.declare_parameter("max_age.camera", 0.2)
    robot.declare_parameter("cpus", rclpy.Parameter.Type.INTEGER_ARRAY)  # declared and never set, as realtime.cpus
    noted: dict[str, str] = {}
    facts = NodeFacts(node, "robot", noted.__setitem__)
    moment = iter(range(0, 100_000, 10))

    def ask() -> None:
        facts.poll(float(next(moment)))
        for spun in (node, robot):
            rclpy.spin_once(spun, timeout_sec=0.01)

    wait_until(lambda: "neon_control/policy" in noted, 10.0, "the parameters", tick=ask)
    parameters, policy = json.loads(noted["neon_control/parameters/robot"]), json.loads(noted["neon_control/policy"])
    assert (parameters["policy"], parameters["max_age.camera"]) == ("g1_reach", 0.2) and "cpus" not in parameters
    assert policy["name"] == "g1_reach" and {"policy.yaml", "action_layer.onnx"} <= set(policy["files"])

    robot.set_parameters([rclpy.Parameter("policy", value="nowhere")])
    changes = wait_until(lambda: noted.get("neon_control/parameters/robot/changes"), 10.0, "the change", tick=ask)
    assert [p["policy"] for p in json.loads(changes)] == ["g1_reach", "nowhere"]
    assert "no such policy" in json.loads(noted["neon_control/policy"])["error"]
