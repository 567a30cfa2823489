"""Time of one tick without ROS, a period after the one before, over joints and live chunks: nearly flat in both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from many_joints import write_robot

from neon_control.core.control.chunk import BASE, JOINTS, ActionChunk
from neon_control.core.control.executor import MotionExecutor
from neon_control.core.control.executor_settings import ExecutorSettings
from neon_control.core.control.supervisor import State
from neon_control.core.robot.action_space import BASE_NAMES
from neon_control.core.robot.robot_file import load_robot

H, SECOND = 16, 1_000_000_000
RATE = 200.0  # [Hz]
PERIOD = round(SECOND / RATE)  # [ns]


@pytest.mark.parametrize("chunks", [1, 8, 64])
@pytest.mark.parametrize("joints", [17, 32, 128])
def test_tick(benchmark, tmp_path: Path, joints: int, chunks: int):
    robot = load_robot(write_robot(tmp_path, joints))
    names = robot.parts["arms"]
    # Whoever moves is known to follow from the first tick on, and what is measured stays where it was.
    settings = ExecutorSettings(rate_hz=RATE, chunk_timeout=10.0, joint_state_timeout=10.0, start_ramp=0.0, following_limit=0.0)
    executor = MotionExecutor(robot, names, settings)
    now = SECOND * 1000

    def later() -> None:
        nonlocal now
        now += PERIOD
        executor.add_joint_states(now, names, np.zeros(joints))

    later()
    executor.tick(now)
    rng = np.random.default_rng(0)
    for k in range(chunks):  # each 100 s long, so that all stay alive
        for stream, axes in ((JOINTS, names), (BASE, BASE_NAMES)):
            values = 0.01 * rng.normal(size=(H, len(axes)))
            executor.add_chunk(stream, ActionChunk(now - k * 1000, 100.0 / (H - 1), axes, values))
        executor.tick(now)
    for _ in range(5):
        later()
        executor.tick(now)
    assert executor.supervisor.state is State.RUNNING
    assert executor.streams[JOINTS].ensemble.votes == chunks
    benchmark.pedantic(lambda: executor.tick(now), setup=later, rounds=1000)  # 5 s: the newest chunk is not too old
    assert executor.supervisor.state is State.RUNNING
