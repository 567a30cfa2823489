"""A day on the wire, recorded; the recording through the real nodes, recorded again; and that judged. For a robot made of a YAML file."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from inference_harness import SyntheticRobot, synthetic_robot
from many_joints import write_robot
from rclpy.serialization import deserialize_message
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from neon_control.core.robot.robot_file import load_robot
from neon_control.nodes.transport import PROFILES
from neon_control.recordings.bag.bag_file import Bag
from neon_control.recordings.bag.messages import stamp_of
from neon_control.sim.demonstration_bag import EpisodeRecorder
from neon_control.tools import cli

SECONDS = 2.5
COMMANDS = "/arm_controller/joint_trajectory"
MARK = 1.625  # [rad] what the controller was told on the day: no policy of this test says so


def command(*args: object) -> subprocess.Popen[str]:
    environment = {k: v for k, v in os.environ.items() if k != PROFILES} | {"PYTHONPATH": os.pathsep.join(sys.path)}
    line = [sys.executable, "-m", "neon_control.tools.cli", *map(str, args)]
    return subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def finish(process: subprocess.Popen[str], code: int = 0) -> str:
    """Wait for the end; returns both outputs."""
    out, errors = process.communicate(timeout=150)
    assert process.returncode == code, out + errors
    return out + errors


@contextmanager
def living_robot(joints: list[str]) -> Iterator[SyntheticRobot]:
    """A robot with a camera, a microphone and joints, whose controller is told to go to MARK."""
    with synthetic_robot(joints, size=(48, 64)) as robot:
        publisher = robot.node.create_publisher(JointTrajectory, COMMANDS, 1)
        message = JointTrajectory(joint_names=joints, points=[JointTrajectoryPoint(positions=[MARK] * len(joints))])
        robot.node.create_timer(0.05, lambda: publisher.publish(message))
        yield robot


@pytest.mark.system
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_recorded_day_goes_through_the_real_nodes_and_into_an_evaluation(
    tmp_path: Path, ros_domain_id: int, capsys: pytest.CaptureFixture[str]
) -> None:
    from policies import write_policy

    robot_file = write_robot(tmp_path, 5)
    joints = list(load_robot(robot_file).joints)
    write_policy(tmp_path / "tiny", robot_file=robot_file, use_audio=False)
    day, again, common = tmp_path / "day", tmp_path / "again", ("--robot", robot_file)
    replay = ("replay", day, *common, "--domain", ros_domain_id, "--log-folder", tmp_path / "logs", "--rate", "0.5")  # for busy computers

    with EpisodeRecorder(tmp_path / "any") as recorder:
        recorder.instruction(0.0, "nothing")

    with living_robot(joints):
        recording = command("record", "--out", day, *common, "--seconds", SECONDS)
        refused = finish(command("replay", tmp_path / "any", "--no-nodes", "--domain", ros_domain_id, "--log-folder", tmp_path), code=2)
        told = finish(recording)
    assert "/odom  nobody published it" in told
    assert "is it a robot?" in refused
    finish(command(*replay, "--policy", tmp_path / "tiny", "--record", again))

    with Bag(day) as first, Bag(again) as second:
        sent = {m.topic: [n.data for n in first.messages([m.topic])] for m in first.messages(list(first.topics))}
        heard = list(second.messages())
        images = {stamp_of(first.decode(m)) for m in first.messages(["/camera/image_raw"])}
        stamps = [stamp_of(second.decode(m)) for m in heard if m.topic == "/action_chunk/joints"]
        commands = [deserialize_message(m.data, JointTrajectory) for m in heard if m.topic == COMMANDS]
        assert first.start <= second.start and second.end <= first.end  # the bag's time, not today's
    assert {m.data for m in heard if m.topic == "/joint_states"} <= set(sent["/joint_states"])  # byte by byte
    assert stamps and set(stamps) <= images  # a chunk for an image of that day
    assert len(commands) > 5 and all(c.joint_names == joints for c in commands)
    assert not any(MARK in point.positions for c in commands for point in c.points)  # the day's own commands reach no controller

    evaluate = ("evaluate", again, *common, "--out", tmp_path / "out", "--recorded-parameters", "--tables-only")
    assert cli.main([str(word) for word in evaluate]) == 0
    lines = capsys.readouterr().out
    assert lines.startswith("tiny: ") and "rad from the recorded commands" in lines  # the policy's name is in the recording
