"""Seams between chunks on a recording, with and without prefixes; and prefixes offline are those of the live loop."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from going_on import write_going_on
from many_joints import write_robot

from neon_control.bench.delay import measure_delay
from neon_control.core.control.ensemble import METHODS
from neon_control.core.control.under_way import LEAST, WARM_UP
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.robot_file import load_robot
from neon_control.evaluation.delay import delay_table, delay_text, seam_figures, why_free
from neon_control.evaluation.judging import Judged, judge
from neon_control.evaluation.recorded_day import RecordedDay
from neon_control.evaluation.settings import Settings
from neon_control.recordings.bag.bag_file import Bag
from neon_control.runtime.policy.policy import Policy
from neon_control.sim.demonstration_bag import EpisodeRecorder

SECONDS = 3.0
KNOWN = WARM_UP + LEAST


@pytest.fixture(scope="module")
def robot(tmp_path_factory: pytest.TempPathFactory) -> Robot:
    return load_robot(write_robot(tmp_path_factory.mktemp("robot"), 5))


@pytest.fixture(scope="module")
def bag_path(robot: Robot, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images at 10 Hz that are bright and dark in turns of 0.4 s, and joints that stand."""
    path, names = tmp_path_factory.mktemp("bags") / "bag", tuple(robot.joints)
    with EpisodeRecorder(path) as recorder:
        for i in range(round(SECONDS / 0.01) + 1):
            recorder.joint_states(i * 0.01, names, np.zeros(len(names)), np.zeros(len(names)))
            if i % 10 == 2:
                recorder.image(i * 0.01, np.full((8, 8, 3), 132 if (i // 40) % 2 else 123, np.uint8))
    return path


@pytest.fixture(scope="module")
def run(robot: Robot, bag_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Judged]:
    def judged(latency: float, max_prefix: int = 12, num_steps: int = 16, dt: float = 0.02, **rates: Any) -> Judged:
        folder = tmp_path_factory.mktemp("policies") / "going_on"
        write_going_on(folder, robot.file, dt=dt, num_steps=num_steps, max_prefix=max_prefix)
        settings = Settings(**rates)
        settings = replace(settings, executor=replace(settings.executor, start_ramp=0.0))
        with Bag(bag_path) as bag:
            return judge("going_on", bag, Policy.load(folder, robot), robot, settings, RecordedDay(bag, robot), latency)

    return judged


@pytest.mark.parametrize("rates", [{}, {"head_rate_hz": 20.0}], ids=["one rate", "two rates"])
def test_chunks_go_on_from_what_is_under_way_once_the_delay_is_known(run: Callable[..., Judged], rates: dict[str, float]) -> None:
    judged = run(0.06, **rates)
    chunks = [chunk for _, chunk in judged.run.chunks]
    conditioned = [bool(np.ptp(chunk.joints, axis=0).max() > 1e-6) for chunk in chunks]
    assert not any(conditioned[:KNOWN]) and sum(conditioned) >= 0.5 * (len(chunks) - KNOWN)
    assert judged.run.counts["prefixes"] == len(chunks) - sum(v for k, v in judged.run.counts.items() if k.startswith("no_prefix_"))
    assert all(np.ptp(chunk.joints, axis=0).max() <= 1e-6 for _, chunk in judged.free.chunks)


def test_with_a_prefix_the_seams_of_every_method_are_smaller(run: Callable[..., Judged]) -> None:
    judged = run(0.06)
    figures = {(f.method, f.prefix): f for f in seam_figures(judged)}
    assert set(figures) == {(method, prefix) for method in METHODS for prefix in (False, True)}
    for method in ("latest", "act"):
        assert figures[method, True].max_rad < figures[method, False].max_rad
    assert figures["latest", True].p95_rad <= 0.1 * figures["latest", False].p95_rad and figures["latest", True].prefixed > 0.5
    text = delay_table(seam_figures(judged))
    assert "latest, prefix" in text and "p95 [mrad]" in text


def test_a_delay_beyond_the_longest_prefix_leaves_all_chunks_free_and_is_said(run: Callable[..., Judged]) -> None:
    judged = run(0.06, max_prefix=3)
    assert judged.run.counts["prefixes"] == 0 and "long_delay" in why_free(judged.run)
    assert "without a prefix: delay 7, long_delay" in delay_text(judged, 0.06)


def test_a_policy_without_prefixes_runs_once_and_has_one_row_a_method(run: Callable[..., Judged]) -> None:
    judged = run(0.06, max_prefix=0)
    assert judged.free is None and [f.method for f in seam_figures(judged)] == list(METHODS) and not why_free(judged.run)


def test_the_same_run_gives_the_same_numbers(run: Callable[..., Judged]) -> None:
    assert seam_figures(run(0.06)) == seam_figures(run(0.06))


def test_bench_tells_the_same_for_the_latency_of_this_computer(robot: Robot, bag_path: Path, tmp_path: Path) -> None:
    write_going_on(tmp_path / "going_on", robot.file, max_prefix=12)
    result, text = measure_delay(str(tmp_path / "going_on"), str(robot.file), bag_path, 0.04, 1)
    assert result["latency_s"] == 0.04 and len(result["seams"]) == 2 * len(METHODS)
    assert "40.0 ms from observation to chunk" in text
    json.dumps(result)


@pytest.mark.parametrize(("num_steps", "dt"), [(8, 0.1), (50, 0.02), (64, 0.1)])
def test_chunks_of_any_horizon_go_on_from_what_is_under_way(run: Callable[..., Judged], num_steps: int, dt: float) -> None:
    judged = run(0.06, max_prefix=7, num_steps=num_steps, dt=dt)
    assert judged.run.counts["prefixes"] >= 0.5 * (len(judged.run.chunks) - KNOWN), why_free(judged.run)
    assert {c.num_steps for _, c in judged.run.chunks} == {num_steps}
    assert judged.figures["latest"].following > 0.9


def test_prefixes_are_turned_off_as_on_the_robot(run: Callable[..., Judged]) -> None:
    judged = run(0.06, prefixes=False)
    assert judged.free is None and why_free(judged.run) == f"off {len(judged.run.chunks)}"
