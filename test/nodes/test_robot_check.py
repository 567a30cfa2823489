"""A robot file against what was seen of a robot: what is right, what is wrong, and the mend."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neon_control.core.robot.robot import ControllerConfig
from neon_control.core.robot.robot_file import load_robot
from neon_control.nodes.robot_check import BASES, COMMANDS, DOUBTFUL, RIGHT, WRONG, Finding, check
from neon_control.nodes.robot_graph import Endpoint, JointStates, Seen, Topic

ROBOT = load_robot("g1.yaml")
CAMERA, AUDIO, ARM = ROBOT.cameras[0].topic, ROBOT.recording.audio, ROBOT.controllers[0].topic
IMAGE, JOINTS = "sensor_msgs/msg/Image", "sensor_msgs/msg/JointState"


def seen(rate: float = 100.0) -> Seen:
    """Of a robot that is as its file says."""
    arrivals = [i / rate for i in range(round(3 * rate))]
    topics = {
        "joint_states": Topic([Endpoint("driver", JOINTS)], [], arrivals),
        CAMERA: Topic([Endpoint("camera", IMAGE)], [], [0.0, 1.0, 2.0]),
        f"{CAMERA}/compressed": Topic(),
        AUDIO: Topic([Endpoint("microphone", "std_msgs/msg/Int16MultiArray")]),
        **{c.topic: Topic([], [Endpoint(c.name, COMMANDS["joint_trajectory"])]) for c in ROBOT.controllers},
        "cmd_vel": Topic([], [Endpoint("base", BASES["twist_stamped"]), Endpoint("rosbag2_recorder", BASES["twist"])]),
    }
    middle = {name: 0.5 * (joint.lower + joint.upper) for name, joint in ROBOT.joints.items()}
    stamps = {name: [round(1e9 * arrival) for arrival in arrivals] for name in middle}
    return Seen(topics, JointStates(middle, stamps, [0.002] * 10))


def not_right(robot: object = ROBOT, what: Seen | None = None) -> list[Finding]:
    return [finding for finding in check(robot, what or seen()) if finding.level != RIGHT]


def test_a_robot_that_is_as_its_file_says_is_right_everywhere() -> None:
    findings = check(ROBOT, seen())
    assert not_right() == []
    texts = " ".join(finding.text for finding in findings)
    for word in ("all 29 joints", "100.0 messages a second", "0.002 s old", "heard by arm_controller", "heard by base as"):
        assert word in texts


def told(joints: JointStates, *prefixes: str) -> None:
    """Drivers of one arm, or of several, put prefixes before the names."""
    joints.positions = {f"{prefix}{name}": value for prefix in prefixes for name, value in joints.positions.items()}
    joints.stamps = {f"{prefix}{name}": stamps for prefix in prefixes for name, stamps in joints.stamps.items()}


def test_of_two_arms_with_prefixes_each_is_a_candidate_and_the_one_that_is_stated_counts() -> None:
    what = seen()
    told(what.joints, "left_", "right_")
    (finding,) = [f for f in not_right(what=what) if "joint_states" in f.text]
    assert finding.mend == "state `joint_prefix: left_` or `joint_prefix: right_` in the robot file, whichever this robot is"
    assert not [f for f in not_right(replace(ROBOT, joint_prefix="right_"), what) if "joint_states" in f.text]


def test_an_arm_without_the_prefix_is_another_robot() -> None:
    robot, what = replace(ROBOT, joint_prefix="left_"), seen()
    told(what.joints, "left_", "")  # in this order: the other one speaks last
    name = next(iter(ROBOT.joints))
    what.joints.positions[name] = 99.0
    assert not [f for f in not_right(robot, what) if "joint_states" in f.text]
    del what.joints.positions[f"left_{name}"]
    assert any(f.level == WRONG and f"nothing of {name}" in f.text for f in not_right(robot, what))


def test_names_with_a_prefix_are_wrong_until_the_file_states_it() -> None:
    what = seen()
    told(what.joints, "g1/")
    (finding,) = [f for f in not_right(what=what) if "joint_states" in f.text]
    assert finding.level == WRONG and finding.mend == "state `joint_prefix: g1/` in the robot file"
    assert not [f for f in not_right(replace(ROBOT, joint_prefix="g1/"), what) if "joint_states" in f.text]


@pytest.mark.parametrize(("unit", "factor", "words"), [("rad", 180.0 / np.pi, "in degrees?"), ("m", 1000.0, "in millimetres?")])
def test_units_that_look_wrong_are_named(unit: str, factor: float, words: str) -> None:
    elbow = replace(ROBOT.joints["left_elbow_joint"], unit=unit)
    robot, what = replace(ROBOT, joints={**ROBOT.joints, elbow.name: elbow}), seen()
    what.joints.positions[elbow.name] = 0.9 * elbow.upper * factor
    (finding,) = [f for f in not_right(robot, what) if elbow.name in f.text]
    assert finding.level == WRONG and words in finding.text and "(REP-103)" in finding.mend


@pytest.mark.parametrize(("age", "words"), [(5.0, "5.000 s in the past"), (-1.0, "1.000 s in the future")])
def test_an_offset_of_the_clocks_is_told_unless_time_is_simulated(age: float, words: str) -> None:
    what = seen()
    what.joints.ages = [age] * 10
    assert [f.level for f in not_right(what=what) if words in f.text] == [WRONG]
    what.simulated_time = True
    assert not [f for f in not_right(what=what) if f.level == WRONG]


def test_types_qos_and_silence_are_told_with_their_mends() -> None:
    what = seen()
    what.topics[ARM].subscribers = [Endpoint("arm", COMMANDS["position"])]
    what.topics["torso_controller/joint_trajectory"].subscribers = [
        Endpoint("torso", COMMANDS["joint_trajectory"], durability="transient_local")
    ]
    what.topics["leg_controller/joint_trajectory"].subscribers = [Endpoint("monitor", COMMANDS["joint_trajectory"])]
    what.topics["cmd_vel"].subscribers = [Endpoint("base", BASES["twist"])]
    what.topics["cmd_vel"].publishers = [Endpoint("teleop", BASES["twist"])]
    what.topics[CAMERA] = Topic([Endpoint("camera", IMAGE)])
    found = {finding.text: finding for finding in not_right(what=what)}
    for text, mend in (
        ("arm expects std_msgs/msg/Float64MultiArray", "`type: position` of the controller arm_controller"),
        ("the QoS of torso does not fit", "durability volatile"),
        ("leg_controller/joint_trajectory: nobody subscribes", "load and activate the controller"),
        ("base expects geometry_msgs/msg/Twist, not", "`message: twist` of `base`"),
        ("cmd_vel: also commanded by teleop", "end it"),
        ("nothing arrives from camera", "is it active"),
    ):
        (finding,) = [f for t, f in found.items() if text in t]
        assert mend in finding.mend


@pytest.mark.parametrize(("rate", "level"), [(100.0, RIGHT), (10.0, DOUBTFUL), (3.0, WRONG)])
def test_joint_states_that_come_too_seldom_are_told(rate: float, level: str) -> None:
    found = [f for f in check(ROBOT, seen(rate)) if "times a second" in f.text]
    assert [f.level for f in found] == ([] if level == RIGHT else [level])


def test_a_joint_that_is_told_more_rarely_than_the_others_is_named_with_the_way_out_and_with_that_it_is_right() -> None:
    what, joint = seen(), next(iter(ROBOT.joints))
    what.joints.stamps[joint] = [0, 500_000_000, 1_000_000_000]
    (finding,) = [f for f in not_right(what=what) if "times a second" in f.text]
    assert finding.level == WRONG and f"{joint} told 2.0 times a second, and may be 0.2 s old" in finding.text
    assert "`joint_state_timeout` [s] in `limits`" in finding.mend
    stated = replace(ROBOT.joints[joint], joint_state_timeout=1.2)
    assert not [f for f in not_right(replace(ROBOT, joints={**ROBOT.joints, joint: stated}), what) if "times a second" in f.text]


def test_nothing_at_all_is_one_sentence_a_topic() -> None:
    what = Seen({name: Topic() for name in seen().topics})
    findings = not_right(what=what)
    assert len(findings) == 4 + len(ROBOT.controllers) and all(f.mend for f in findings)


def test_goals_of_an_action_are_said_to_be_left_out() -> None:
    gripper = ControllerConfig("gripper", "gripper/gripper_cmd", ROBOT.controllers[0].joints, "gripper_command")
    (finding,) = not_right(replace(ROBOT, controllers=(*ROBOT.controllers[1:], gripper)))
    assert finding.level == DOUBTFUL and "gripper/gripper_cmd: goals of an action" in finding.text
