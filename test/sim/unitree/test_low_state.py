"""The stand-in's LowState, read as a client reads it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neon_control.core.common.errors import ConfigError
from neon_control.robots.unitree.motors import MODELS
from neon_control.robots.unitree.packed import LOW_STATE
from neon_control.sim.unitree.faults import Faults
from neon_control.sim.unitree.low_state import LowStateMessage, held
from neon_control.sim.unitree.set_points import MOTORS
from neon_control.sim.unitree.stage import UnitreeState

MISSING = np.isin(range(MOTORS), MODELS["23"].absent)
STATE = UnitreeState(
    5_000_000_000, np.array([1.0, 2.0, np.pi / 2]), np.array([0.1, 0.0, 0.2]),
    np.arange(4 * MOTORS, dtype=float).reshape(4, MOTORS), 0.5, 500,
)  # fmt: skip


def read(faults: Faults = Faults()):  # noqa: B008 - frozen
    return LOW_STATE.read(LowStateMessage(MISSING).fill(STATE, 4, faults))


def test_every_joint_stands_at_its_motors_place() -> None:
    message = read()
    motors = message.fields["motor_state"]
    assert message.crc_is_right
    for row, name in enumerate(("q", "dq", "ddq", "tau_est")):
        assert np.array_equal(motors[name][:MOTORS], STATE.motors[row].astype(np.float32))
    assert np.array_equal(motors["mode"][:MOTORS] == 1, ~MISSING)
    assert not motors["q"][MOTORS:].any()
    assert message.fields["mode_machine"] == 4
    assert message.fields["tick"] == 5000
    assert message.fields["imu_state"]["quaternion"] == pytest.approx([np.sqrt(0.5), 0.0, 0.0, np.sqrt(0.5)])
    assert message.fields["imu_state"]["gyroscope"] == pytest.approx([0.0, 0.0, 0.2])
    assert not motors["motorstate"].any()


def test_faults_show_and_go_again() -> None:
    kept = LowStateMessage(MISSING)
    faulty = Faults(motor=18, motor_error=4, motor_temperature=120, remote="L2+B")
    fields = LOW_STATE.read(kept.fill(STATE, 4, faulty)).fields
    assert np.flatnonzero(fields["motor_state"]["motorstate"]).tolist() == [18]
    assert fields["motor_state"]["temperature"][18, 1] == 120
    assert fields["wireless_remote"][2:4].tolist() == [1 << 5, 1 << 1]
    well = LOW_STATE.read(kept.fill(STATE, 4, Faults())).fields
    assert not well["motor_state"]["motorstate"].any()
    assert well["motor_state"]["temperature"].max() < 60
    assert not well["wireless_remote"].any()


def test_a_wrong_checksum_is_wrong_and_all_else_right() -> None:
    message = read(replace(Faults(), lowstate_crc_wrong=True))
    assert not message.crc_is_right
    assert message.fields["motor_state"]["q"][20] == 20.0


def test_keys_that_the_remote_control_does_not_have_are_refused() -> None:
    assert held("") == 0
    assert held("R1 + left") == 1 + 2**15
    with pytest.raises(ConfigError, match="no keys \\['Z'\\]"):
        held("A+Z")
