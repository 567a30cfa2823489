"""The real inference node at two rates, over real DDS, driven by a synthetic robot."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from inference_harness import NodeProcess, SyntheticRobot, make_policy, running_node, synthetic_robot
from waiting import wait_until

from neon_control.core.robot.action_space import ActionSpace

pytestmark = pytest.mark.system

START_LIMIT = 30.0  # [s] a process that starts on a busy machine: imports, encoders, discovery
MS = 1_000_000


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ActionSpace]:
    folder = tmp_path_factory.mktemp("policies") / "tiny"
    return folder, make_policy(folder)


@pytest.fixture
def running(
    policy: tuple[Path, ActionSpace], ros_domain_id: int, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[tuple[NodeProcess, SyntheticRobot]]:
    folder, space = policy
    options = {"backbone_rate_hz": 5.0, "head_rate_hz": 30.0, **getattr(request, "param", {})}
    with (
        running_node(tmp_path / "log", policy=folder, **options) as node,
        synthetic_robot(space.joint_names[::-1], sim_time=options.get("use_sim_time", False)) as robot,
    ):
        wait_until(lambda: robot.joint_chunks and robot.base_chunks, START_LIMIT, "the first chunk")
        yield node, robot


def _stamps(robot: SyntheticRobot) -> list[int]:
    return [m.header.stamp.sec * 10**9 + m.header.stamp.nanosec for m in list(robot.joint_chunks)]


def test_chunks_come_at_the_heads_rate_each_from_a_fresh_joint_state(running: tuple[NodeProcess, SyntheticRobot]) -> None:
    _, robot = running
    chunks, features = robot.value("chunks_published"), robot.value("features_computed")
    count = len(robot.joint_chunks)
    wait_until(lambda: len(robot.joint_chunks) >= count + 90, 30.0, "90 chunks")
    wait_until(lambda: robot.value("features_computed") >= features + 10, 30.0, "diagnostics of ten features")
    stamps = _stamps(robot)[count:]
    assert set(stamps) <= set(robot.joint_stamps), "a chunk carries the stamp of the joint state that it was made from"
    assert (np.diff(stamps) > 0).all()
    # Stalls of the machine make single gaps longer, and joint states come every 10 ms.
    assert 23 * MS <= np.median(np.diff(stamps)) <= 44 * MS
    ratio = (robot.value("chunks_published") - chunks) / (robot.value("features_computed") - features)
    assert ratio > 3.0, "30 Hz and 5 Hz: about six chunks from each image"
    assert 0.0 < robot.value("features_age_ms/p50") <= robot.value("features_age_ms/p99") <= 500.0
    assert robot.value("features_age_ms") > 0.0
    assert robot.value("images_over_rate") > 0.0


def test_without_images_chunks_end_when_the_features_are_too_old_and_the_reason_is_named(
    running: tuple[NodeProcess, SyntheticRobot],
) -> None:
    node, robot = running
    robot.running.remove("camera")
    wait_until(lambda: robot.status and {"camera: ", "features: "} <= set(re.findall(r"\w+: ", robot.status.message)), 10.0, "the reasons")
    assert robot.status is not None and robot.status.level == b"\x01" and " s old, limit 0.5 s" in robot.status.message
    assert robot.value("refusals_features") > 0 and "no chunk: features: " in node.output
    last = _stamps(robot)[-1]
    assert last - robot.image_stamps[-1] <= 500 * MS
    assert set(_stamps(robot)[-1:]) <= set(robot.joint_stamps) and last > robot.image_stamps[-1]
    count = len(robot.joint_chunks)
    robot.running.add("camera")
    wait_until(lambda: len(robot.joint_chunks) > count, 5.0, "chunks after the images came back")


@pytest.mark.parametrize("running", [{"use_sim_time": True}], indirect=True)
def test_under_simulated_time_both_rates_follow_the_clock(running: tuple[NodeProcess, SyntheticRobot]) -> None:
    _, robot = running
    wait_until(lambda: len(robot.joint_chunks) >= 60, 30.0, "60 chunks")
    stamps = _stamps(robot)
    assert 1000 * 10**9 <= stamps[0] < 2000 * 10**9
    assert set(stamps) <= set(robot.joint_stamps)
    robot.running.clear()  # a simulation that is paused
    wait_until(
        lambda: robot.status and "does the clock run?" in robot.status.message, 6.0, "diagnostics that say that the clock stands still"
    )
