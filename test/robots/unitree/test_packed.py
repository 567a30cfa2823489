"""Messages that are kept as a table of numbers are, on the wire, what cyclonedds makes of message objects."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from neon_control.robots.unitree.crc import crc32
from neon_control.robots.unitree.messages import ImuState, LowCmd, LowState, MotorCmd, MotorState
from neon_control.robots.unitree.motors import MOTORS
from neon_control.robots.unitree.packed import LOW_CMD, LOW_STATE, WireError

# The C structs, as Unitree's own clients pack them for the checksum.
C_LOW_CMD = struct.Struct("<2B2x" + "B3x5fI" * MOTORS + "5I")
C_LOW_STATE = struct.Struct("<2I2B2xI" + "13fh2x" + "B3x4f2hf7I" * MOTORS + "40B5I")


def some_command() -> LowCmd:
    motors = [MotorCmd(i % 2, 0.1 * i, -0.2 * i, 0.3 * i, 60.0 + i, 1.5 + i, 1000 + i) for i in range(MOTORS)]
    return LowCmd(1, 5, motors, [1, 2, 3, 4], 0)


def some_state() -> LowState:
    motors = [
        MotorState(i % 3, 0.1 * i, -0.2 * i, 0.3 * i, 0.4 * i, [20 + i, -i], 48.0 + i, [i, 2 * i], 3 * i, [i, 5, 6, 7])
        for i in range(MOTORS)
    ]
    imu = ImuState([0.5] * 4, [0.1, 0.2, 0.3], [0.0, 0.0, 9.81], [1.0, 2.0, 3.0], -7)
    return LowState([11, 12], 1, 5, 123456, imu, motors, list(range(40)), [9, 8, 7, 6], 0)


def c_command(m: LowCmd) -> bytes:
    rows = [value for c in m.motor_cmd for value in (c.mode, c.q, c.dq, c.tau, c.kp, c.kd, c.reserve)]
    return C_LOW_CMD.pack(m.mode_pr, m.mode_machine, *rows, *m.reserve, m.crc)


def c_state(m: LowState) -> bytes:
    imu = m.imu_state
    imu_row = [*imu.quaternion, *imu.gyroscope, *imu.accelerometer, *imu.rpy, imu.temperature]
    rows = [
        value
        for s in m.motor_state
        for value in (s.mode, s.q, s.dq, s.ddq, s.tau_est, *s.temperature, s.vol, *s.sensor, s.motorstate, *s.reserve)
    ]
    return C_LOW_STATE.pack(*m.version, m.mode_pr, m.mode_machine, m.tick, *imu_row, *rows, *m.wireless_remote, *m.reserve, m.crc)


def test_sizes_are_those_of_the_c_structs() -> None:
    assert LOW_CMD.kind.itemsize == C_LOW_CMD.size == 1004
    assert LOW_STATE.kind.itemsize == C_LOW_STATE.size == 2092


def test_a_command_reads_as_it_was_sent_and_is_sent_as_it_reads() -> None:
    message = some_command()
    message.crc = crc32(c_command(message)[:-4])
    packed = LOW_CMD.read(message.serialize())

    assert packed.fields["mode_machine"] == 5 and packed.fields["motor_cmd"]["mode"][1] == 1
    np.testing.assert_allclose(packed.fields["motor_cmd"]["q"], 0.1 * np.arange(MOTORS), rtol=1e-6)
    np.testing.assert_array_equal(packed.fields["motor_cmd"]["reserve"], 1000 + np.arange(MOTORS))
    assert packed.crc_is_right
    assert packed.to_wire() == message.serialize()


def test_a_state_reads_as_it_was_sent_and_is_sent_as_it_reads() -> None:
    message = some_state()
    message.crc = crc32(c_state(message)[:-4])
    packed = LOW_STATE.read(message.serialize())

    assert packed.fields["tick"] == 123456 and packed.fields["imu_state"]["temperature"] == -7
    np.testing.assert_array_equal(packed.fields["motor_state"]["temperature"][:, 0], 20 + np.arange(MOTORS))
    np.testing.assert_array_equal(packed.fields["motor_state"]["motorstate"], 3 * np.arange(MOTORS))
    np.testing.assert_array_equal(packed.fields["wireless_remote"], np.arange(40))
    assert packed.crc_is_right
    assert packed.to_wire() == message.serialize()


def test_views_that_are_kept_change_the_message() -> None:
    packed = LOW_CMD.make()
    q = packed.fields["motor_cmd"]["q"]
    q[15:29] = 0.25
    sent = LowCmd.deserialize(packed.to_wire())

    assert [motor.q for motor in sent.motor_cmd[14:30]] == [0.0, *[0.25] * 14, 0.0]
    assert sent.crc == crc32(c_command(sent)[:-4])


def test_one_changed_bit_makes_the_checksum_wrong() -> None:
    data = bytearray(LOW_CMD.make().to_wire())
    data[100] ^= 1

    assert not LOW_CMD.read(bytes(data)).crc_is_right


def test_a_checksum_can_be_given_for_tests_of_others() -> None:
    assert LowCmd.deserialize(LOW_CMD.make().to_wire(crc=7)).crc == 7


@pytest.mark.parametrize("data", [b"", b"\x00\x01\x00\x00", LOW_CMD.make().to_wire()[:-1], b"\x00\x00" + LOW_CMD.make().to_wire()[2:]])
def test_bytes_that_are_no_message_are_refused(data: bytes) -> None:
    with pytest.raises(WireError, match="needs 1004 bytes of little-endian CDR"):
        LOW_CMD.read(data)
