"""What lowstate says, and when it is believed."""

from __future__ import annotations

import numpy as np

from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.robots.unitree.motors import MODELS
from neon_control.robots.unitree.packed import LOW_STATE, Packed
from neon_control.robots.unitree.settings import DriverSettings
from neon_control.robots.unitree.state_watch import MOST_WRONG, StateWatch

MILLISECOND = NANOSECONDS // 1000


def state(tick: int = 2, mode_machine: int = 5) -> Packed:
    message = LOW_STATE.make()
    message.fields["tick"], message.fields["mode_machine"] = tick, mode_machine
    message.fields["motor_state"]["q"] = 0.25
    return message


def cause(watch: StateWatch, now: int) -> str:
    found = watch.problem(now)
    return "" if found is None else found.cause


def test_positions_and_model_are_known_from_the_first_message_on() -> None:
    watch = StateWatch(DriverSettings())
    assert cause(watch, 0) == "lowstate" and watch.age(0) == float("inf")

    assert watch.take(0, state().to_wire())
    assert watch.model is MODELS["29"] and (watch.positions == 0.25).all() and cause(watch, 0) == ""


def test_an_old_message_is_none() -> None:
    watch = StateWatch(DriverSettings(state_timeout=0.1))
    watch.take(0, state().to_wire())

    assert cause(watch, 100 * MILLISECOND) == "" and cause(watch, 101 * MILLISECOND) == "lowstate"


def test_a_sender_that_repeats_itself_says_nothing_new() -> None:
    watch = StateWatch(DriverSettings(state_timeout=0.1))
    for number in range(100):
        watch.take(number * 10 * MILLISECOND, state(tick=min(number, 50)).to_wire())

    assert cause(watch, 600 * MILLISECOND) == "" and cause(watch, 990 * MILLISECOND) == "lowstate"


def test_a_simulator_without_ticks_and_checksums_is_believed() -> None:
    watch = StateWatch(DriverSettings())
    for number in range(100):
        assert watch.take(number * 10 * MILLISECOND, state(tick=0).to_wire(crc=0))

    assert cause(watch, 990 * MILLISECOND) == "" and watch.counts["without_crc"] == 100


def test_once_there_was_a_checksum_there_has_to_be_one() -> None:
    watch = StateWatch(DriverSettings())

    assert watch.take(0, state(2).to_wire()) and not watch.take(1, state(4).to_wire(crc=0))
    assert watch.counts["wrong_crc"] == 1


def test_many_wrong_checksums_within_a_second_are_a_fault_and_as_many_within_an_hour_are_not() -> None:
    for gap, expected in ((10 * MILLISECOND, "crc"), (360 * NANOSECONDS, "")):
        watch = StateWatch(DriverSettings())
        now = 0
        for number in range(MOST_WRONG):
            now += gap
            watch.take(now, state(2 * number).to_wire(crc=7))
            watch.take(now, state(2 * number + 1).to_wire())
        assert cause(watch, now) == expected


def test_numbers_that_are_none_and_bytes_that_are_no_message_are_refused() -> None:
    watch, message = StateWatch(DriverSettings()), state()
    message.fields["motor_state"]["dq"][4] = np.nan

    assert not watch.take(0, message.to_wire()) and not watch.take(0, b"lowstate")
    assert watch.counts["non_finite"] == 1 and watch.counts["malformed"] == 1
    found = watch.problem(0)
    assert found is not None and "1 non_finite, 1 malformed" in found.text


def test_motors_that_the_model_lacks_may_say_what_they_like() -> None:
    for mode_machine, expected in ((5, "motor_error"), (6, "")):
        watch, message = StateWatch(DriverSettings()), state(mode_machine=mode_machine)
        message.fields["motor_state"]["motorstate"][13] = 1
        watch.take(0, message.to_wire())
        assert cause(watch, 0) == expected


def test_bits_that_are_no_error_can_be_ignored() -> None:
    watch, message = StateWatch(DriverSettings(ignored_motor_errors=0x6)), state()
    message.fields["motor_state"]["motorstate"][15] = 0x2
    watch.take(0, message.to_wire())
    assert cause(watch, 0) == ""

    message.fields["motor_state"]["motorstate"][15] = 0x8
    watch.take(0, message.to_wire())
    found = watch.problem(0)
    assert found is not None and found.text == "motor 15 (left_shoulder_pitch_joint) reports 0x8" and found.latched


def test_a_hot_motor_is_named() -> None:
    watch, message = StateWatch(DriverSettings(max_temperature=80.0)), state()
    message.fields["motor_state"]["temperature"][18] = (60, 81)
    watch.take(0, message.to_wire())
    found = watch.problem(0)

    assert found is not None and found.text == "motor 18 (left_elbow_joint) has 81 deg C, limit 80"
