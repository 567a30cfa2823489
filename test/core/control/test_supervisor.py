"""The state machine against its table."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neon_control.core.control import supervisor as module
from neon_control.core.control.supervisor import FOLLOWING, Conditions, State, Supervisor

GOOD = Conditions(joints_fresh=True, chunks_fresh=True, tracking=True, at_rest=False, ramp_over=False)
REST = replace(GOOD, at_rest=True)


def running() -> Supervisor:
    machine = Supervisor()
    for seen in (GOOD, GOOD, replace(GOOD, ramp_over=True)):
        machine.update(seen)
    assert machine.state is State.RUNNING
    return machine


def test_nothing_starts_without_joint_states():
    machine = Supervisor()
    machine.update(replace(GOOD, joints_fresh=False))
    assert machine.state is State.WAITING and machine.cause == "joint_states"


def test_the_way_up_is_waiting_holding_ramping_running():
    machine = Supervisor()
    states = []
    for seen in (GOOD, GOOD, GOOD, replace(GOOD, ramp_over=True)):
        machine.update(seen)
        states.append(machine.state)
    assert states == [State.HOLDING, State.RAMPING, State.RAMPING, State.RUNNING]


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ({"joints_fresh": False}, "joint_states"),
        ({"tracking": False}, "tracking_error"),
        ({"chunks_fresh": False}, "chunks"),
        ({"listened": False}, "listeners"),
        ({"held": False}, "takeover"),
    ],
)
def test_every_fault_brakes_then_holds_and_ends_by_itself(fault, cause):
    machine = running()
    machine.update(replace(GOOD, **fault))
    assert machine.state is State.BRAKING and machine.cause == cause and machine.stops == {cause: 1}
    machine.update(replace(GOOD, **fault))
    assert machine.state is State.BRAKING
    machine.update(replace(REST, **fault))
    machine.update(replace(REST, **fault))
    assert machine.state is State.HOLDING
    machine.update(REST)
    assert machine.state is State.RAMPING and machine.cause == ""


def test_the_e_stop_is_latched_until_released_and_reset():
    machine = running()
    machine.press_estop(True)
    machine.update(GOOD)
    assert machine.state is State.ESTOPPED and machine.cause == "estop"
    assert not machine.reset()
    machine.press_estop(False)
    machine.update(REST)
    assert machine.state is State.ESTOPPED
    assert machine.reset()
    for expected in (State.BRAKING, State.HOLDING, State.RAMPING):
        machine.update(REST)
        assert machine.state is expected


def test_the_e_stop_outlives_a_deactivation():
    machine = running()
    machine.press_estop(True)
    machine.restart()
    machine.update(GOOD)
    machine.update(GOOD)
    assert machine.state is State.ESTOPPED


@pytest.mark.parametrize("start", [State.WAITING, State.HOLDING, State.RAMPING, State.RUNNING, State.BRAKING, State.ESTOPPED])
def test_a_stop_request_ends_in_stopped_from_every_state(start):
    machine = Supervisor()
    machine.state = start
    machine.press_estop(start is State.ESTOPPED)
    machine.request_stop()
    for _ in range(4):
        machine.update(GOOD)
        if start in FOLLOWING:
            assert machine.state is not State.STOPPED, "stopped while moving"
    for _ in range(4):
        machine.update(REST)
    assert machine.state is State.STOPPED


def test_stopped_is_left_by_a_restart_only():
    machine = Supervisor()
    machine.request_stop()
    machine.update(GOOD)
    assert machine.state is State.STOPPED
    machine.update(GOOD)
    assert machine.state is State.STOPPED
    machine.restart()
    machine.update(GOOD)
    assert machine.state is State.HOLDING


def test_the_table_in_the_text_is_the_table_in_the_code():
    rows, state = [], ""
    for line in module.__doc__.splitlines():
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if len(cells) == 4 and cells[3] in {s.value for s in State}:
            state = cells[0] or state
            if cells[2] != "(activated again)":
                rows.append((state, cells[3]))
    assert rows == [(s.value, successor.value) for s, entries in module._TABLE.items() for _, successor in entries]


@given(
    events=st.lists(
        st.tuples(*([st.booleans()] * 6), st.sampled_from(["", "press", "release", "reset"])),
        max_size=80,
    )
)
def test_the_policy_is_followed_only_in_good_conditions(events):
    machine = Supervisor()
    for *flags, action in events:
        if action == "press":
            machine.press_estop(True)
        elif action == "release":
            machine.press_estop(False)
        elif action == "reset":
            machine.reset()
        seen = Conditions(*flags)
        machine.update(seen)
        if machine.state in FOLLOWING:
            assert seen.joints_fresh and seen.chunks_fresh and seen.tracking and seen.listened and not machine.estopped
