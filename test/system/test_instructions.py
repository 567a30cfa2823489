"""Told in words: the real inference node over real DDS, with policies that read, that listen, and that do neither."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from inference_harness import NodeProcess, SyntheticRobot, make_policy, running_node, synthetic_robot
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import String
from waiting import wait_until

from neon_control.core.sensing.instruction import MOST_LETTERS
from neon_control.runtime.encoders.model_folder import describe_model

pytestmark = [pytest.mark.system, pytest.mark.patient, pytest.mark.timeout(300)]

START_LIMIT = 200.0  # [s] torch and transformers alone take 10 s to import, and on a busy machine a minute
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def teller(robot: SyntheticRobot) -> Callable[[str], None]:
    """Somebody who tells the robot in words what to do."""
    publisher = robot.node.create_publisher(String, "instruction", LATCHED)
    return lambda words: publisher.publish(String(data=words))


def wait_for_text(node: NodeProcess, robot: SyntheticRobot, key: str, text: str, limit: float = 30.0) -> None:
    wait_until(lambda: node.process.poll() is not None or text in robot.text(key), limit, f"'{text}' in {key}")
    assert text in robot.text(key), "the node ended"


@pytest.mark.slow
def test_a_policy_that_reads_waits_until_it_is_told_and_stops_when_it_is_told_nothing(ros_domain_id: int, tmp_path: Path) -> None:
    from tiny_backbones import TINY

    folder = tmp_path / "policy"
    TINY["qwen2_5_vl"](folder / "backbone")
    space = make_policy(tmp_path / "scratch" / "policy", use_audio=False, vision=describe_model("backbone", folder, tasks=True))
    shutil.copytree(tmp_path / "scratch" / "policy", folder, dirs_exist_ok=True)
    with running_node(tmp_path / "log", policy=folder, device="cpu") as node, synthetic_robot(space.joint_names, size=(120, 160)) as robot:
        wait_until(
            lambda: node.process.poll() is not None or (robot.status and "nothing was told" in robot.status.message), START_LIMIT, "words"
        )
        assert robot.joint_chunks == [] and robot.text("instruction") == "none"
        tell = teller(robot)
        tell("open the\n drawer")
        wait_until(lambda: robot.joint_chunks, 30.0, "a chunk")
        wait_for_text(node, robot, "instruction", "open the drawer")
        assert robot.text("instruction_use") == "read"

        tell("x" * (MOST_LETTERS + 1))
        wait_for_text(node, robot, "refused", f"a text of {MOST_LETTERS + 1} letters")
        tell("go\x1b[31m \x07")
        wait_for_text(node, robot, "refused", "\\x1b")
        tell("look <|image_pad|>")
        wait_until(lambda: robot.status and "signs of the model's own" in robot.status.message, 30.0, "signs of the model refused")
        tell("close it")
        wait_for_text(node, robot, "instruction", "close it")
        seen = len(robot.joint_chunks)
        wait_until(lambda: len(robot.joint_chunks) > seen, 30.0, "chunks again")

        tell("")
        wait_until(lambda: robot.status and "nothing was told" in robot.status.message, 30.0, "an instruction that is taken back")
        seen = len(robot.joint_chunks)
        count = robot.value("refusals_instruction")
        wait_until(lambda: robot.value("refusals_instruction") > count + 2, 30.0, "refusals")
        assert len(robot.joint_chunks) == seen, "nothing more is done"
        assert re.search(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]", node.output) is None and "\x1b[31m" not in node.output
        assert "told: 'open the drawer' (read)" in node.output and "Traceback" not in node.output


def test_a_policy_that_listens_hears_words_only_where_there_is_no_microphone(ros_domain_id: int, tmp_path: Path) -> None:
    folder = tmp_path / "policy"
    space = make_policy(folder)
    with running_node(tmp_path / "log", policy=folder) as node, synthetic_robot(space.joint_names) as robot:
        robot.running.discard("audio")
        wait_until(lambda: robot.status and "audio: " in robot.status.message, START_LIMIT, "a complaint")
        assert robot.joint_chunks == []
        tell = teller(robot)
        tell("touch the red cube")
        wait_until(lambda: robot.joint_chunks, 30.0, "a chunk")
        wait_for_text(node, robot, "instruction_use", "spoken")

        robot.running.add("audio")
        wait_for_text(node, robot, "instruction_use", "ignored: the policy does not read, and listens to the microphone")
        robot.running.discard("audio")
        wait_until(lambda: robot.status and "audio: " in robot.status.message, 30.0, "a microphone that has fallen silent")
        for words in ("touch the blue cube", "touch the red one", "touch the blue one"):
            tell(words)
            wait_for_text(node, robot, "instruction", words)
        assert node.output.count("what is told on 'instruction' is ignored") == 1, "said once"
        assert "audio: " in (robot.status.message if robot.status else ""), "what was told does not replace a microphone that has failed"


def test_a_policy_that_does_neither_says_so_once_and_goes_on(ros_domain_id: int, tmp_path: Path) -> None:
    folder = tmp_path / "policy"
    space = make_policy(folder, use_audio=False)
    with running_node(tmp_path / "log", policy=folder) as node, synthetic_robot(space.joint_names) as robot:
        tell = teller(robot)
        tell("touch the red cube")  # before the node listens: what is latched reaches it all the same
        wait_until(lambda: robot.joint_chunks, START_LIMIT, "a chunk")
        for words in ("touch the red cube", "touch the blue cube"):
            tell(words)
            wait_for_text(node, robot, "instruction", words)
        assert robot.text("instruction_use") == "ignored: the policy neither reads nor listens"
        assert node.output.count("neither reads nor listens") <= 3 and node.output.count("what is told on 'instruction' is ignored") == 1
