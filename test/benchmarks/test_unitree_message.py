"""Cost of one message to a G1: fields set, checksum, serialised, handed to DDS. Limit: 150 us at the median.

And of what surrounds it, without threads and ROS: a control period of the driver, 250 a second, and a tick of the stand-in, 500 a second.

.venv/bin/python -m pytest test/benchmarks/test_unitree_message.py --benchmark-only [--benchmark-timer=time.process_time]

With that timer it is core seconds that are told, whatever else runs. Whole processes: unitree_rates.py.
"""

from __future__ import annotations

import time

import numpy as np
import pytest
from g1_bench import ARM, Bench

from neon_control.core.robot.robot_file import load_robot
from neon_control.nodes.processes import free_domain_id
from neon_control.robots.unitree.channel import ARM_SDK, LOOPBACK, Channel
from neon_control.robots.unitree.engagement import State
from neon_control.robots.unitree.messages import LowCmd, LowState
from neon_control.robots.unitree.motors import ARMS, PLACES, WEIGHT
from neon_control.robots.unitree.packed import LOW_CMD, LOW_STATE
from neon_control.sim.unitree.faults import Faults
from neon_control.sim.unitree.low_state import LowStateMessage
from neon_control.sim.unitree.robot import ArmCommand
from neon_control.sim.unitree.set_points import set_points
from neon_control.sim.unitree.sport import WALK
from neon_control.sim.unitree.stage import PERIOD, UnitreeStage

LIMIT = 150e-6  # [s]


@pytest.fixture
def channel():
    made = Channel(LOOPBACK, free_domain_id())
    yield made
    made.close()


def test_build_and_write_a_command(benchmark, channel):
    writer, reader = channel.writer(ARM_SDK, LowCmd), channel.reader(ARM_SDK, LowCmd)
    assert reader is not None
    message, arms = LOW_CMD.make(), list(ARMS)
    motors, targets = message.fields["motor_cmd"], np.linspace(0.0, 1.0, len(ARMS))

    def send():
        motors["q"][arms] = targets
        motors["q"][WEIGHT] = 1.0
        writer.write(message.to_wire())

    benchmark(send)
    assert benchmark.stats.stats.median < LIMIT


def test_build_and_write_a_command_field_by_field(benchmark, channel):
    """What it would cost with message objects, checksum not counted."""
    writer, message = channel.writer(ARM_SDK, LowCmd), LowCmd()

    def send():
        for place in ARMS:
            message.motor_cmd[place].q = 0.5
        writer.write(message)

    benchmark(send)


def test_a_control_period_of_the_driver(benchmark):
    """Two messages of lowstate, and one to the arms, which follow a trajectory."""
    bench = Bench()
    bench.engage()
    there = np.array([[bench.measured[PLACES[joint]] + 0.2 for joint in ARM.joints]])

    def period():
        bench.now += bench.period
        for _ in range(2):
            bench.state.fields["tick"] += 2
            bench.driver.take_state(bench.now, bench.state.to_wire())
        bench.driver.step(bench.now, (None, None), command_time=bench.now)

    bench.driver.targets.accept(ARM.name, bench.now, bench.now, ARM.joints, np.array([1000.0]), there)
    benchmark(period)
    assert bench.driver.engagement.state is State.ENGAGED


def test_a_tick_of_the_stand_in(benchmark):
    """The robot's computer, the physics, the trial and one message of lowstate, while a client has the arms."""
    stage = UnitreeStage(load_robot("g1.yaml"), "29", WALK)
    message, faults, now = LowStateMessage(stage.robot.missing), Faults(), time.time_ns()
    home = stage.tick(now, PERIOD).motors[0]
    stage.command(ArmCommand(1.0, set_points(home, 60.0, 1.5), stage.robot.mode_machine, True))
    stage.say("red")

    def tick():
        nonlocal now
        now += round(1e9 * PERIOD)
        message.fill(stage.tick(now, PERIOD), stage.robot.mode_machine, faults)

    benchmark(tick)
    assert not stage.robot.trips


def test_read_a_state_and_check_it(benchmark):
    data = LowState().serialize()

    benchmark(lambda: LOW_STATE.read(data).crc_is_right)
