"""Another policy for a node that runs: the real node over real DDS, with real policy folders."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from inference_harness import NodeProcess, SyntheticRobot, make_policy, running_node, synthetic_robot
from std_srvs.srv import Trigger
from waiting import wait_until

from neon_control.core.common.paths import find_file
from neon_control.runtime.encoders.backbone import BackboneSpec
from neon_control.runtime.policy.policy_file import ONNX_FILE

pytestmark = pytest.mark.system

START_LIMIT = 30.0  # [s] a process that starts on a busy machine: imports, encoders, discovery
CHUNK_TIMEOUT = 0.3  # [s] the executor's default: a longer gap makes the robot brake


@dataclass
class Setup:
    node: NodeProcess
    robot: SyntheticRobot
    first: Path  # what runs at the start, a copy of its own
    folder: Path  # with the policies `second`, `deaf` and `upper_body`

    def reload(self) -> Trigger.Response:
        return self.robot.call(Trigger, "reload_policy", Trigger.Request())

    def wait_for_chunks(self, number: int = 10) -> None:
        count = len(self.robot.joint_chunks)
        wait_until(lambda: len(self.robot.joint_chunks) >= count + number, 40.0, f"{number} more chunks")


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("policies")
    make_policy(folder / "first")
    make_policy(folder / "second", seed=1)
    make_policy(folder / "deaf", use_audio=False)
    make_policy(folder / "upper_body", mode="upper_body")
    return folder


@pytest.fixture
def setup(policies: Path, ros_domain_id: int, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Setup]:
    options = dict(getattr(request, "param", {}))
    first = shutil.copytree(policies / options.pop("policy", "first"), tmp_path / "first")
    joints = _joint_names(first)
    with running_node(tmp_path / "log", policy=first, **options) as node, synthetic_robot(joints) as robot:
        wait_until(lambda: robot.joint_chunks and robot.status, START_LIMIT, "the first chunk")
        yield Setup(node, robot, first, policies)


def _joint_names(folder: Path) -> list[str]:
    import yaml

    return list(yaml.safe_load((folder / "policy.yaml").read_text())["joint_names"])


@pytest.mark.parametrize("setup", [{}, {"backbone_rate_hz": 5.0, "head_rate_hz": 30.0}], indirect=True, ids=["one rate", "two rates"])
def test_setting_the_parameter_swaps_the_policy_without_a_pause(setup: Setup) -> None:
    """A busy machine makes gaps too, so one swap of five without a pause is enough to pass, and twice the usual gap is no pause."""
    robot = setup.robot
    measured = []
    wanted = setup.first
    for _ in range(5):
        setup.wait_for_chunks(20)
        usual = float(np.diff(robot.arrivals[-20:]).max())
        wanted = setup.first if wanted != setup.first else setup.folder / "second"
        begin, start = len(robot.arrivals) - 1, time.monotonic()
        assert robot.set_policy(wanted).successful
        wait_until(lambda wanted=wanted: robot.text("policy") == str(wanted), 20.0, "diagnostics that name the new policy")
        took = time.monotonic() - start
        setup.wait_for_chunks()
        measured.append((round(usual, 3), round(float(np.diff(robot.arrivals[begin:]).max()), 3), round(took, 1)))
        if measured[-1][1] < max(CHUNK_TIMEOUT, 2.0 * usual):
            break
    else:
        pytest.fail(f"longest gap before and across the swap [s], and until the diagnostics said so: {measured}")
    print("longest gap before and across the swap [s], and until the diagnostics said so:", measured)
    assert robot.get_policy() == str(wanted)
    assert robot.text("policy_name") == wanted.name
    assert robot.status is not None and robot.status.hardware_id == "unitree_g1"
    assert robot.value("policies_loaded") == len(measured) and robot.value("policies_refused") == 0
    stamps = [m.header.stamp.sec * 10**9 + m.header.stamp.nanosec for m in robot.joint_chunks]
    assert (np.diff(stamps) > 0).all()


@pytest.mark.parametrize(
    ("wanted", "reason"), [("upper_body", "has the mode upper_body, the running policy tiny has arms_only"), ("nowhere", "no such policy")]
)
def test_a_policy_that_does_not_fit_is_refused_at_once_and_the_running_one_goes_on(setup: Setup, wanted: str, reason: str) -> None:
    """The wound: the answer was "successful", and the reason stood in the log alone."""
    robot = setup.robot
    answer = robot.set_policy(setup.folder / wanted)
    reason = reason.replace("tiny", setup.first.name)
    assert not answer.successful and reason in answer.reason
    wait_until(lambda: robot.value("policies_refused") == 1, 20.0, "a refusal in the diagnostics")
    assert reason in robot.text("policy_refused") and reason in setup.node.output
    check_that_the_first_goes_on(setup)


def test_a_policy_whose_loading_fails_is_refused_and_the_running_one_goes_on(setup: Setup) -> None:
    robot = setup.robot
    damaged = shutil.copytree(setup.folder / "second", setup.first.parent / "damaged")
    (damaged / ONNX_FILE).write_bytes(b"")
    assert robot.set_policy(damaged).successful, "the answer cannot wait for the loading"
    wait_until(lambda: robot.value("policies_refused") == 1, 20.0, "a refusal in the diagnostics")
    assert "does not belong to" in robot.text("policy_refused")
    check_that_the_first_goes_on(setup)


def check_that_the_first_goes_on(setup: Setup) -> None:
    robot = setup.robot
    assert robot.text("policy") == robot.get_policy() == str(setup.first)
    setup.wait_for_chunks()
    assert robot.set_policy(setup.folder / "second").successful
    wait_until(lambda: robot.text("policy") == str(setup.folder / "second"), 20.0, "a good policy after a bad one")
    assert robot.text("policy_refused") == ""


def test_the_service_loads_the_same_folder_again_or_says_what_is_wrong_with_it(setup: Setup) -> None:
    answer = setup.reload()
    assert answer.success and answer.message == f"policy {setup.first} loaded again"
    setup.wait_for_chunks()
    damaged = setup.first / "damaged"
    damaged.write_bytes((setup.first / ONNX_FILE).read_bytes()[:-1])
    damaged.rename(setup.first / ONNX_FILE)
    answer = setup.reload()
    assert not answer.success and ONNX_FILE in answer.message and "does not belong to" in answer.message
    setup.wait_for_chunks()
    code, _ = setup.node.interrupt()
    assert code == 0 and "Traceback" not in setup.node.output


def test_a_second_wish_while_one_is_being_loaded_is_refused_at_once(setup: Setup) -> None:
    robot = setup.robot
    for name in ("second", "deaf"):
        answer = robot.set_policy(setup.folder / name)
    assert not answer.successful and "second is still being loaded" in answer.reason
    wait_until(lambda: robot.text("policy") == str(setup.folder / "second"), 20.0, "the first wish")
    assert robot.get_policy() == str(setup.folder / "second")


@pytest.mark.parametrize("setup", [{"policy_root": find_file("resource/policies")}], indirect=True)
def test_whoever_is_on_the_network_cannot_point_the_node_elsewhere(setup: Setup) -> None:
    robot = setup.robot
    for name, reason in (
        (setup.folder / "second", "`policy_root` allows only what is below"),
        ("owner/policy", "`policy_from_hub` is off"),
    ):
        answer = robot.set_policy(name)
        assert not answer.successful and reason in answer.reason
        assert robot.get_policy() == str(setup.first)
    wait_until(lambda: robot.value("policies_refused") == 2, 20.0, "the refusals in the diagnostics")
    setup.wait_for_chunks()


@pytest.mark.parametrize("setup", [{"plugins": "[endless_backbone]"}], indirect=True)
def test_sigint_while_a_policy_is_being_loaded_ends_it_cleanly(setup: Setup) -> None:
    """The wound: Python's end took the loading thread out of ONNX Runtime, which aborted the process."""
    make_policy(setup.folder / "endless", vision=BackboneSpec("endless", "1", 8))
    assert setup.robot.set_policy(setup.folder / "endless").successful
    wait_until(lambda: setup.robot.text("policy_loading"), 10.0, "a policy that is being loaded")
    code, seconds = setup.node.interrupt()
    assert code == 0 and seconds < 3.0, setup.node.output


@pytest.mark.parametrize("setup", [{"policy": "deaf"}], indirect=True)
def test_a_policy_that_listens_may_follow_a_deaf_one_if_there_is_sound(setup: Setup) -> None:
    robot = setup.robot
    robot.running.remove("audio")
    wait_until(lambda: robot.value("audio_age_ms") > 500.0, 10.0, "half a second of silence")
    setup.wait_for_chunks()
    assert robot.set_policy(setup.folder / "second").successful
    wait_until(lambda: robot.value("policies_refused") == 1, 20.0, "a refusal in the diagnostics")
    assert "audio: " in robot.text("policy_refused") and "s old, limit 0.5 s" in robot.text("policy_refused")
    robot.running.add("audio")
    assert robot.set_policy(setup.folder / "second").successful
    wait_until(lambda: robot.text("policy") == str(setup.folder / "second"), 20.0, "a policy that listens")
    setup.wait_for_chunks()
    assert robot.value("audio_ms/p99") > 0.0
