"""Cost of one message to a G1: fields set, checksum, serialised, handed to DDS. Limit: 150 us at the median.

.venv/bin/python -m pytest test/benchmarks/test_unitree_message.py --benchmark-only
"""

from __future__ import annotations

import numpy as np
import pytest

from neon_control.nodes.processes import free_domain_id
from neon_control.robots.unitree.channel import ARM_SDK, LOOPBACK, Channel
from neon_control.robots.unitree.messages import LowCmd, LowState
from neon_control.robots.unitree.motors import ARMS, WEIGHT
from neon_control.robots.unitree.packed import LOW_CMD, LOW_STATE

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


def test_read_a_state_and_check_it(benchmark):
    data = LowState().serialize()

    benchmark(lambda: LOW_STATE.read(data).crc_is_right)
