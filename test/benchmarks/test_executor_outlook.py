"""What it costs to tell what will be commanded: the control thread, without readers and for each chunk, and the thread that tells."""

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
from neon_control.nodes.chunk_messages import base_plan_message, joint_plan_message

H, DT, SECOND = 16, 0.02, 1_000_000_000
LATENCY = SECOND // 10  # [ns] from observation to chunk


class Running:
    """An executor that follows chunks of 300 ms, ten a second."""

    def __init__(self, folder: Path, joints: int, rate: float) -> None:
        robot = load_robot(write_robot(folder, joints))
        self.names, self.period = robot.parts["arms"], round(SECOND / rate)
        settings = ExecutorSettings(rate_hz=rate, joint_state_timeout=10.0, start_ramp=0.0, following_limit=0.0)
        self.executor, self.now, self.rng = MotionExecutor(robot, self.names, settings), SECOND * 1000, np.random.default_rng(0)
        for _ in range(3):
            self.to_the_next_chunk()
        assert self.executor.supervisor.state is State.RUNNING

    def tick(self) -> None:
        self.now += self.period
        self.executor.add_joint_states(self.now, self.names, np.zeros(len(self.names)))
        self.executor.tick(self.now)

    def to_the_next_chunk(self) -> None:
        for _ in range(SECOND // 10 // self.period):
            self.tick()
        for stream, axes in ((JOINTS, self.names), (BASE, BASE_NAMES)):
            values = 0.01 * self.rng.normal(size=(H, len(axes)))
            self.executor.add_chunk(stream, ActionChunk(self.now - LATENCY, DT, axes, values))
        self.tick()


RATES = [(17, 100.0), (17, 500.0), (128, 100.0)]


@pytest.mark.parametrize(("joints", "rate"), RATES)
def test_a_period_without_readers(benchmark, tmp_path: Path, joints: int, rate: float):
    running = Running(tmp_path, joints, rate)
    running.executor.outlook(foresee=False)
    benchmark(lambda: running.executor.outlook(foresee=False))


@pytest.mark.parametrize(("joints", "rate"), RATES)
def test_the_copies_of_the_control_thread_for_each_chunk(benchmark, tmp_path: Path, joints: int, rate: float):
    running = Running(tmp_path, joints, rate)
    benchmark.pedantic(running.executor.outlook, setup=running.to_the_next_chunk, rounds=200)


@pytest.mark.parametrize(("joints", "rate"), RATES)
def test_the_other_threads_work_for_each_chunk(benchmark, tmp_path: Path, joints: int, rate: float):
    running = Running(tmp_path, joints, rate)

    def tell(outlook) -> None:
        foreseen = outlook.foresee()
        joint_plan_message(foreseen[JOINTS]), base_plan_message(foreseen[BASE])

    def setup():
        running.to_the_next_chunk()
        return (running.executor.outlook(),), {}

    benchmark.pedantic(tell, setup=setup, rounds=200)
