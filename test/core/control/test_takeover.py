"""A person takes over and gives back, at any moment of any trouble: no jump, no limit passed, and nothing goes where nobody sent it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from clearance_rig import ACROSS, SETTINGS, SLOW, STOP, TABLE, Measure, Moving, pose
from clearance_rig import NAMES as ARMS
from hypothesis import given, settings
from hypothesis import strategies as st
from jaw_robot import jaw_robot
from person_rig import HAND, Person, all_joints
from test_executor import DT, GENTLE, LOWER, MIDDLE, MS, NAMES, PERIOD, ROBOT, SECOND, UPPER, VELOCITY, H

from neon_control.core.common.errors import ChunkError
from neon_control.core.control.chunk import JOINTS, ActionChunk
from neon_control.core.control.dead_man import Hold
from neon_control.core.control.executor import MotionExecutor
from neon_control.core.control.executor_settings import ExecutorSettings
from neon_control.core.control.supervisor import State
from neon_control.core.control.takeover import ENABLE, TakeoverSettings
from neon_control.core.robot.robot_file import load_robot

FORWARD = np.array([0.3, 0.0, 0.0, 0.0, 0.0, 0.4])  # a twist


def led(**settings: object) -> Person:
    """A policy runs, and somebody has just taken over."""
    person = Person(**settings)
    person.run_to(State.RUNNING)
    person.step(57)
    person.pressed = True
    while person.executor.commander != "takeover":
        assert person.now < 1_000_000 * MS + 100 * SECOND
        person.step()
    return person


def test_without_a_word_nothing_is_different():
    plain, other = Person(), Person()
    other.target, other.drive = all_joints(LOWER), FORWARD
    for world in (plain, other):
        world.run_to(State.RUNNING)
        world.step(100)
    np.testing.assert_array_equal(plain.commands[-1].positions, other.commands[-1].positions)
    np.testing.assert_array_equal(plain.commands[-1].base, other.commands[-1].base)
    assert set(other.leaders) == {"none", "policy"} and not other.takeover.count


def test_who_holds_the_button_and_says_nothing_more_stops_the_policy_where_it_is_without_pulling_it_back():
    person = led()
    begin = person.commands[-2].positions
    speed = person.commands[-2].velocities
    person.step(100)
    end = person.commands[-1].positions
    assert person.state is State.RUNNING and not person.commands[-1].velocities.any() and not person.commands[-1].base.any()
    moving = np.abs(speed) > 0.05  # [rad/s] who turned round just then moves to and fro by himself
    assert ((end - begin) * np.sign(speed) > 0.0)[moving].all()
    moved = np.diff(person.motion()[-1000:], axis=0) * np.sign(speed)
    assert moved[:, moving].min() >= -1e-7, "pulled back"
    assert np.abs(end - begin).max() <= 0.06
    person.assert_within_limits()


def test_a_joint_goes_where_it_is_asked_to_and_the_others_are_held():
    person = led()
    person.target = {NAMES[3]: MIDDLE[3] + 0.4, NAMES[5]: MIDDLE[5] - 0.3}
    person.step(150)
    before = person.commands[-1].positions.copy()
    person.step(100)
    after = person.commands[-1].positions
    np.testing.assert_allclose(before, after, atol=1e-9)
    assert after[3] == pytest.approx(MIDDLE[3] + 0.4) and after[5] == pytest.approx(MIDDLE[5] - 0.3)
    person.assert_within_limits()
    person.assert_no_jump()


def test_a_far_target_is_approached_with_a_share_of_the_velocity_and_a_stream_is_a_line_not_a_stair():
    person = led(takeover=TakeoverSettings(speed=0.25))
    person.step(60)
    person.target = {NAMES[0]: MIDDLE[0] + 1.0}
    person.step(200)
    speeds = np.abs(np.diff(person.motion(), axis=0)[:, 0]) * 1e3
    assert np.median(speeds[speeds > 0.1]) == pytest.approx(0.25 * VELOCITY[0], rel=0.02)
    assert speeds[-2000:].max() <= 0.45 * VELOCITY[0], "what it takes to set out is made up for"
    for k in range(100):  # 0.4 rad/s, told each 20 ms
        person.target = {NAMES[0]: MIDDLE[0] + 1.0 - 0.004 * k}
        person.step()
    speeds = np.diff(person.motion(), axis=0)[-600:, 0] * 1e3
    assert np.abs(speeds + 0.4).max() < 0.05


def test_the_base_drives_as_it_is_told_and_stands_when_that_is_old():
    person = led()
    person.drive = FORWARD
    person.step(40)
    np.testing.assert_allclose(person.commands[-1].base, [0.3, 0.0, 0.4])
    person.drive = None
    person.step(60)
    assert not person.commands[-1].base.any() and person.state is State.RUNNING
    person.assert_within_limits()


def test_the_policy_goes_on_from_where_the_person_left_it_over_a_ramp():
    person = led()
    person.target = all_joints(MIDDLE + 0.3)
    person.step(200)
    person.pressed = False
    person.step(10)
    assert person.executor.commander == "policy" and person.state is State.RUNNING
    assert np.abs(person.commands[-1].positions - MIDDLE - 0.3).max() < 0.15, "no dash"
    person.step(60)
    expected, _ = person.policy(np.array([(person.now + PERIOD) * 1e-9]))
    np.testing.assert_allclose(person.commands[-1].positions, expected[0], atol=2e-4)
    person.assert_within_limits()
    person.assert_no_jump()


def test_silence_stops_and_nothing_goes_on_before_a_word():
    person = led()
    person.drive = FORWARD
    person.target = all_joints(MIDDLE + 0.3)
    person.step(40)
    person.pressed, person.drive, person.target = None, None, {}
    lost = person.now
    while person.commands[-1].base.any() or person.commands[-1].velocities.any():
        person.step()
    assert person.now - lost <= 0.3 * SECOND
    person.step(300)
    assert person.state is State.HOLDING and person.executor.supervisor.cause == "takeover" and person.leaders[-1] == "none"
    assert person.executor.supervisor.stops == {"takeover": 1}
    person.pressed = False
    person.run_to(State.RUNNING)
    assert person.executor.commander == "policy"
    person.assert_within_limits()


def test_a_button_that_was_let_go_stays_so_when_the_executor_begins_anew():
    person = led()
    person.pressed = None
    person.step(60)
    person.executor.supervisor.request_stop()
    person.step(60)
    assert person.state is State.STOPPED
    person.executor.restart()
    person.step(100)
    assert person.state is State.HOLDING and person.executor.supervisor.cause == "takeover"
    person.pressed = False
    person.run_to(State.RUNNING)
    assert person.leaders[-1] == "policy"


def test_without_a_policy_a_person_leads_just_so():
    person = Person()
    person.chunks = False
    person.step(30)
    person.pressed, person.target = True, all_joints(MIDDLE + 0.2)
    person.run_to(State.RUNNING)
    person.step(150)
    np.testing.assert_allclose(person.commands[-1].positions, MIDDLE + 0.2, atol=1e-6)
    person.pressed = False
    person.step(100)
    assert person.state is State.HOLDING and person.executor.supervisor.cause == "chunks"
    person.assert_within_limits()


def test_a_target_from_before_counts_only_if_it_is_fresh():
    person = Person()
    person.target = all_joints(MIDDLE + 0.5)
    person.run_to(State.RUNNING)
    person.step(57)
    person.target = {}
    person.step(40)
    person.pressed = True
    person.step(150)
    assert np.abs(person.commands[-1].positions - MIDDLE - 0.5).min() > 0.1, "a slider that was left there"
    person.pressed = False
    person.step(60)
    person.target = all_joints(MIDDLE + 0.5)
    person.step(10)
    person.say = lambda moment: person.takeover.enable(True, HAND, moment)  # a leader arm that stands: no target since
    person.step(150)
    np.testing.assert_allclose(person.commands[-1].positions, MIDDLE + 0.5, atol=1e-6)


def test_an_emergency_stop_beats_both_and_a_person_who_still_holds_is_followed_after_the_reset():
    person = led()
    person.target, person.drive = all_joints(MIDDLE + 0.3), FORWARD
    person.step(20)
    person.executor.supervisor.press_estop(True)
    person.step(60)
    assert person.state is State.ESTOPPED and person.leaders[-1] == "none"
    assert not person.commands[-1].base.any() and not person.commands[-1].velocities.any()
    person.pressed = False
    person.step(10)
    person.pressed = True
    person.step(10)
    assert person.state is State.ESTOPPED
    person.executor.supervisor.press_estop(False)
    assert person.executor.supervisor.reset()
    person.run_to(State.RUNNING)
    assert person.leaders[-1] == "takeover"
    person.assert_within_limits()


def test_a_trajectory_is_followed_by_its_own_times():
    person = led()
    person.step(60)
    begin = person.commands[-1].positions[0]
    offsets = np.array([SECOND // 2, SECOND])
    person.takeover.aim([NAMES[0]], begin + np.array([[0.1], [-0.1]]), offsets, 0, HAND, person.now, person.now)
    told = person.now
    person.step(120)
    rows = {t - told: c.motion.at(t)[0][0] - begin for t, c in zip(person.times, person.commands, strict=True)}
    assert rows[SECOND // 2] == pytest.approx(0.1, abs=0.02) and rows[SECOND] == pytest.approx(-0.1, abs=0.01)
    assert rows[SECOND // 4] == pytest.approx(0.05, abs=0.01)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"names": ["no_such_joint"]}, "joint_names"),
        ({"names": [NAMES[0], NAMES[0]], "rows": np.zeros((1, 2))}, "joint_names"),
        ({"names": ["left_knee_joint"]}, "joint_names"),  # of the robot, but not commanded here, and nothing else
        ({"rows": np.zeros((1, 2))}, "shape"),
        ({"rows": np.zeros((0, 1)), "offsets": np.zeros(0, dtype=np.int64)}, "shape"),
        ({"rows": np.array([[np.nan]])}, "non_finite"),
        ({"rows": np.array([[np.inf]])}, "non_finite"),
        ({"rows": np.zeros((2, 1)), "offsets": np.array([10, 10])}, "dt"),
        ({"stamp": -400 * MS}, "late"),
        ({"stamp": 400 * MS}, "future"),
        ({"source": "somebody else"}, "other_publisher"),
    ],
)
def test_a_bad_target_is_refused_with_its_reason_and_changes_nothing(changes: dict[str, object], reason: str):
    person = led()
    person.target = {NAMES[1]: MIDDLE[1]}
    person.step(100)
    message = {"names": [NAMES[0]], "rows": np.zeros((1, 1)), "offsets": None, "stamp": 0, "source": HAND, **changes}
    stamp = person.now + message["stamp"] if message["stamp"] else 0
    before = person.takeover.joints(person.now + SECOND)
    with pytest.raises(ChunkError) as error:
        person.takeover.aim(*(message[k] for k in ("names", "rows", "offsets")), stamp, message["source"], person.now, person.now)
    assert error.value.reason == reason
    np.testing.assert_array_equal(person.takeover.joints(person.now + SECOND), before)
    person.takeover.reject(ENABLE, error.value)
    assert person.takeover.rejected == {f"{ENABLE}/{reason}": 1} and reason in person.takeover.complaint


@pytest.mark.parametrize(("axis", "value", "reason"), [(0, np.nan, "non_finite"), (2, 0.1, "shape"), (4, 0.1, "shape")])
def test_a_bad_velocity_is_refused(axis: int, value: float, reason: str):
    person, twist = led(), FORWARD.copy()
    twist[axis] = value
    with pytest.raises(ChunkError) as error:
        person.takeover.drive(twist, 0, HAND, person.now, person.now)
    assert error.value.reason == reason


def test_grippers_that_are_not_named_go_on_to_where_they_were_sent(tmp_path):
    robot = load_robot(jaw_robot(tmp_path, {"open": 0.9, "closed": 0.0, "threshold": 0.45, "hysteresis": 0.05}))
    names = ("j1", "j2", "jaw")
    executor = MotionExecutor(robot, names, ExecutorSettings(start_ramp=0.0))
    now, position = 1_000_000 * MS, np.zeros(3)

    def step(count: int, wanted: list[float], pressed: bool | None, target: dict[str, float] | None = None) -> np.ndarray:
        nonlocal now, position
        for _ in range(count):
            now += PERIOD
            executor.add_joint_states(now, names, position.tolist())
            executor.add_chunk(JOINTS, ActionChunk(now, DT, names, np.tile(wanted, (H, 1))))
            if pressed is not None:
                executor.takeover.enable(pressed, HAND, now)
            if target:
                executor.takeover.aim(list(target), np.array([list(target.values())]), None, 0, HAND, now, now)
            command = executor.tick(now)
            if command is not None:
                position = command.positions.copy()
        return position

    step(100, [0.0, 0.0, 0.0], None)
    step(20, [0.5, 0.0, 0.9], None)  # it opens, and is on its way
    assert 0.0 < position[2] < 0.45
    step(200, [0.5, 0.0, 0.9], True)
    assert position[2] == pytest.approx(0.899, abs=2e-3) and position[0] < 0.5
    step(400, [0.5, 0.0, 0.9], True, {"jaw": 0.0})
    assert position[2] == pytest.approx(0.001, abs=2e-3)


def test_the_clearance_guard_stops_a_person_as_it_stops_a_policy():
    robot = replace(ROBOT, clearance=SETTINGS)
    moving = Moving(robot, ARMS, pose())
    goal = ACROSS[("left_rubber_hand", "table")]
    pair, nearest = ("left_rubber_hand", "table"), np.inf
    measure = Measure(robot, ARMS, TABLE, visual=False)
    for step in range(400):
        moment = moving.now + moving.step_ns
        if step >= 50:
            moving.executor.takeover.enable(True, HAND, moment)
            moving.executor.takeover.aim(list(ARMS), goal[None], None, 0, HAND, moment, moment)
        nearest = min(nearest, measure.distances(moving.step(pose()), [pair])[pair])
    assert moving.executor.supervisor.stops["clearance"] >= 1
    assert (moving.refused[0].first, moving.refused[0].second) == pair
    assert STOP - 0.001 < nearest < SLOW


def test_a_clock_that_is_set_back_ends_no_takeover_and_moves_nothing_at_once():
    person = led()
    person.target = all_joints(MIDDLE + 0.3)
    person.step(10)
    before = person.commands[-1].positions.copy()
    tick, back = person.executor.tick, 300 * SECOND
    person.executor.tick = lambda now: tick(now, now + back)
    person.say = lambda moment: person.takeover.enable(True, HAND, moment + back)
    person.now -= back
    person.step(1)
    assert np.abs(person.commands[-1].positions - before).max() < 0.05
    person.step(200)
    assert person.executor.takeover.state is Hold.HELD and person.state is State.RUNNING
    assert np.isfinite(person.commands[-1].positions).all()


EVENTS = st.tuples(
    st.sampled_from(
        [
            "press",
            "release",
            "silent",
            "aim",
            "aim_some",
            "drive",
            "no_targets",
            "estop",
            "reset",
            "chunks",
            "no_chunks",
            "states",
            "no_states",
            "stall",
            "wild",
            "nothing",
        ]
    ),
    st.integers(1, 45),
    st.integers(0, 2**32 - 1),
)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("robot", [ROBOT, GENTLE], ids=["envelope", "max_jerk"])
@given(events=st.lists(EVENTS, min_size=4, max_size=24))
@settings(max_examples=40, deadline=None)
def test_whoever_leads_at_whatever_moment_the_limits_hold_and_nothing_is_pulled_back(robot, events):
    """Take-overs and gifts back at random moments of motion, stalls, stops, e-stops, lost chunks and lost joint states."""
    person = Person(robot)
    person.run_to(State.RUNNING)
    for event, steps, seed in events:
        dice = np.random.default_rng(seed)
        skipped = 0
        if event in ("press", "release", "silent"):
            person.pressed = {"press": True, "release": False, "silent": None}[event]
        elif event == "aim":
            person.target = all_joints(dice.uniform(LOWER - 0.1, UPPER + 0.1))
        elif event == "aim_some":
            chosen = dice.choice(len(NAMES), 4, replace=False)
            person.target = {NAMES[i]: float(dice.uniform(LOWER[i], UPPER[i])) for i in chosen}
        elif event == "drive":
            person.drive = np.array([*dice.uniform(-2.0, 2.0, 2), 0.0, 0.0, 0.0, dice.uniform(-3.0, 3.0)])
        elif event == "no_targets":
            person.target, person.drive = {}, None
        elif event == "estop":
            person.executor.supervisor.press_estop(True)
        elif event == "reset":
            person.executor.supervisor.press_estop(False)
            person.executor.supervisor.reset()
        elif event in ("chunks", "no_chunks"):
            person.chunks = event == "chunks"
        elif event in ("states", "no_states"):
            person.states = event == "states"
        elif event == "stall":
            skipped = int(dice.integers(1, 60))
        elif event == "wild":
            person.target = {name: float(dice.normal(0.0, 50.0)) for name in NAMES}
        person.step(steps, skipped)
    person.assert_within_limits()
    # From any trouble a word leads back to the policy.
    person.pressed, person.chunks, person.states, person.target, person.drive = None, True, True, {}, None
    person.executor.supervisor.press_estop(False)
    person.executor.supervisor.reset()
    person.step(30)
    person.pressed = False
    person.run_to(State.RUNNING, 1500)
    assert person.leaders[-1] == "policy"
