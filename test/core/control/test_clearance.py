"""The guard keeps bodies apart, by MuJoCo's own distances; it lets go what moves away, and never lengthens a stop."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from clearance_rig import ACROSS, G1, MIX, NAMES, PAIRS_TORSO, SETTINGS, SLOW, STOP, TABLE, Measure, Moving, pose

from neon_control.core.common.errors import ConfigError
from neon_control.core.control.clearance import PAUSE, ClearanceGuard, way_to_rest
from neon_control.core.control.supervisor import State
from neon_control.core.robot.clearance_settings import ClearanceSettings, KeepOut
from neon_control.core.robot.robot import Robot

LOWER, UPPER = G1.limits(NAMES, "safe_lower"), G1.limits(NAMES, "safe_upper")


def guarded(settings: ClearanceSettings | None = SETTINGS, jerk: float = np.inf) -> Robot:
    joints = {name: replace(joint, max_jerk=jerk) for name, joint in G1.joints.items()}
    return replace(G1, clearance=settings, joints=joints)


@pytest.fixture(scope="module")
def measure() -> Measure:
    return Measure(G1, NAMES, TABLE, visual=False)


PAIRS = sorted(set(ClearanceGuard(guarded(), NAMES, 0.01).pairs))


def drive(moving: Moving, target: np.ndarray, measure: Measure, seconds: float = 3.0) -> float:
    """[m] the least distance of all pairs, in each pose commanded and where it would rest, from a start that is followed first."""
    rate = round(1e9 / moving.step_ns)
    start = moving.position.copy()
    for _ in range(rate // 5):
        moving.step(start)
    assert moving.executor.supervisor.state is State.RUNNING
    least = np.inf
    for _ in range(round(seconds * rate)):
        least = min(least, *measure.distances(moving.step(target), PAIRS).values())
        least = min(least, MIX + min(measure.distances(moving.rest, PAIRS).values()))
    return least


@pytest.mark.parametrize("jerk", [np.inf, 500.0])
@pytest.mark.parametrize("pair", ACROSS, ids="-".join)
def test_a_chunk_that_drives_bodies_into_each_other_is_stopped_short_of_it(pair: tuple[str, str], jerk: float, measure: Measure) -> None:
    start, target = pose(), ACROSS[pair]
    free, held = Moving(guarded(None, jerk), NAMES, start), Moving(guarded(jerk=jerk), NAMES, start)

    assert drive(free, target, measure, 1.5) < 0.0  # without the guard they meet
    assert drive(held, target, measure, 1.5) >= STOP
    assert held.executor.supervisor.stops["clearance"] >= 1
    assert held.executor.supervisor.cause == "clearance"
    if np.isinf(jerk):  # a gentler motion takes another way, on which others may meet first
        assert set(held.refused[0][:2]) == set(pair)


@pytest.mark.slow
def test_no_way_between_random_poses_comes_nearer_than_the_stop_distance(measure: Measure) -> None:
    rng = np.random.default_rng(1)
    kept, hits = [], 0
    while len(kept) < 200:
        start, target = rng.uniform(LOWER, UPPER), rng.uniform(LOWER, UPPER)
        if min(measure.distances(start, PAIRS).values()) < SLOW / 2:
            continue
        moving = Moving(guarded(), NAMES, start)
        if not moving.executor.guard.may_follow(start, start):
            continue
        straight = [measure.distances(start + s * (target - start), PAIRS) for s in np.linspace(0.0, 1.0, 15)]
        hits += min(min(d.values()) for d in straight) < 0.0
        kept.append(drive(moving, target, measure, 1.0))
    print(f"\n200 pairs of poses, {hits} through something; nearest {min(kept):.4f} m, 5 % below {np.percentile(kept, 5):.4f} m")

    assert hits > 100
    assert min(kept) >= STOP


def test_the_step_by_which_a_controller_is_tried_leads_no_nearer_than_the_stop_distance(measure: Measure) -> None:
    pair = ("left_rubber_hand", "table")
    target, start = ACROSS[pair], pose()
    ways = (start + s * (target - start) for s in np.linspace(1.0, 0.0, 400))
    near = next(p for p in ways if measure.distances(p, [pair])[pair] > STOP + 0.003)
    moving = Moving(guarded(), NAMES, near)
    down = pose(left_shoulder_pitch=1.0, left_elbow=1.0)

    assert measure.distances(near + np.clip(down - near, -0.03, 0.03), [pair])[pair] < STOP
    assert drive(moving, down, measure, 1.0) >= STOP
    assert moving.executor.supervisor.cause == "clearance"
    assert not any(entry.joined for entry in moving.executor.joining.entries.values())


@pytest.mark.parametrize("skipped", [2, 5, 20])
def test_periods_that_are_made_up_for_are_looked_at_one_by_one(skipped: int, measure: Measure) -> None:
    start, target = pose(), ACROSS["left_rubber_hand", "table"]
    for late in range(3, 60, 4):  # before, amid and after the stop
        moving = Moving(guarded(), NAMES, start)
        for _ in range(20):
            moving.step(start)
        for step in range(120):
            position = moving.step(target, skipped if step == late else 0)
            least = min(*measure.distances(position, PAIRS).values(), MIX + min(measure.distances(moving.rest, PAIRS).values()))
            assert least >= STOP, (late, step)
        assert moving.executor.supervisor.stops["clearance"] >= 1


def test_a_step_that_is_refused_moves_the_base_once() -> None:
    moving = Moving(guarded(), NAMES, pose())
    for _ in range(20):
        moving.step(pose())
    executor, base = moving.executor, slice(len(NAMES), None)
    while not moving.refused:  # the policy wants the base to stand
        executor.limiter.put(base, np.array([0.4, 0.0, 0.0]), np.zeros(3))  # [m/s]
        moving.step(ACROSS["left_rubber_hand", "table"])

    assert executor.limiter.value[base][0] == pytest.approx(0.4 - G1.base.max_acceleration[0] / executor.settings.rate_hz)


def test_who_stands_too_near_may_move_away_but_not_nearer(measure: Measure) -> None:
    target, start = ACROSS["torso_link", "left_rubber_hand"], pose()
    near = next(p for s in np.linspace(1.0, 0.0, 200) if measure.distances(p := start + s * (target - start), PAIRS)[PAIRS_TORSO] > 0.005)
    guard = ClearanceGuard(guarded(), NAMES, 0.01)

    assert not guard.allows(near + np.linspace(0.0, 0.05, 5)[:, None] * (target - start), np.full(len(NAMES), 0.1))
    assert guard.allows(near - np.linspace(0.0, 0.05, 5)[:, None] * (target - start), np.full(len(NAMES), 0.1))


def test_who_begins_too_near_may_lose_a_little_on_the_way_out_but_not_come_nearer_than_he_began() -> None:
    guard, rate = ClearanceGuard(guarded(), NAMES, 0.01), np.full(len(NAMES), 0.1)
    ways = pose() + np.linspace(0.0, 1.0, 2001)[:, None] * (ACROSS[PAIRS_TORSO] - pose())
    number = [number for number, pair in enumerate(guard.pairs) if set(pair) == set(PAIRS_TORSO)]
    distances = guard._distances.measure(ways, 1.0)[:, number].min(axis=1)

    def way(*metres: float) -> np.ndarray:
        return np.array([ways[np.abs(distances - distance).argmin()] for distance in metres])

    assert guard.allows(way(0.005, 0.005, 0.005), rate)  # where the policy begins to be followed
    assert guard.allows(way(0.008, 0.0075, 0.007), rate)  # as it would come to rest, nearer than just now
    assert not guard.allows(way(0.008, 0.006, 0.004), rate)
    assert guard.allows(way(0.03, 0.03, 0.03), rate)  # out
    assert not guard.allows(way(0.03, 0.02, 0.015), rate)


def test_after_a_refusal_no_way_is_tried_for_a_while() -> None:
    guard, target = ClearanceGuard(guarded(), NAMES, 0.01), ACROSS[PAIRS_TORSO]
    assert not guard.allows(pose() + np.linspace(0.0, 1.0, 5)[:, None] * (target - pose()), np.full(len(NAMES), 0.1))
    tries = [guard.may_follow(pose(), pose()) for _ in range(round(PAUSE / 0.01) + 1)]
    assert tries.index(True) == round(PAUSE / 0.01)


def test_who_creeps_nearer_is_stopped_however_slowly_he_comes(measure: Measure) -> None:
    pair, rate_hz, speed = ("left_rubber_hand", "table"), 500.0, 0.0002  # [m/s]: 0.4 um in a period
    start, target = pose(), ACROSS["left_rubber_hand", "table"]
    ways = [start + s * (target - start) for s in np.linspace(0.0, 1.0, 400)]
    distances = [measure.distances(p, [pair])[pair] for p in ways]
    near = next(s for s, distance in enumerate(distances) if distance < STOP + 0.003)
    step = (ways[near] - ways[near - 1]) * speed / rate_hz / (distances[near - 1] - distances[near])
    moving = Moving(guarded(), NAMES, ways[near], rate_hz)
    for k in range(9000):
        position = moving.step(ways[near] + k * step)

    assert measure.distances(ways[near] + 9000 * step, [pair])[pair] < STOP - 0.0004
    assert measure.distances(position, [pair])[pair] >= STOP
    assert moving.executor.supervisor.cause == "clearance"


def test_a_policy_that_wants_what_is_out_of_reach_is_followed_as_far_as_its_joints_go() -> None:
    reached = pose(left_shoulder_roll=UPPER[NAMES.index("left_shoulder_roll_joint")], left_wrist_roll=-1.84)
    wanted = pose(left_shoulder_roll=reached[1] + 1.0, left_wrist_roll=-1.84)
    guard, moving = ClearanceGuard(guarded(), NAMES, 0.01), Moving(guarded(), NAMES, pose())
    for _ in range(300):
        moving.step(wanted)

    assert guard.is_clear(pose(), reached) and not guard.is_clear(pose(), wanted)
    assert moving.executor.supervisor.state is State.RUNNING
    assert moving.position == pytest.approx(reached, abs=1e-3)


def test_after_a_stop_a_way_that_leads_out_is_followed_again(measure: Measure) -> None:
    moving = Moving(guarded(), NAMES, pose())
    drive(moving, ACROSS["left_rubber_hand", "table"], measure, 1.0)
    assert moving.executor.supervisor.state is State.HOLDING

    for _ in range(300):
        moving.step(pose())

    assert moving.executor.supervisor.state is State.RUNNING
    assert moving.position == pytest.approx(pose(), abs=1e-3)


@pytest.mark.parametrize("what", ["estop", "stop"])
def test_a_stop_takes_as_long_as_without_the_guard(what: str) -> None:
    lengths = []
    for robot in (guarded(), guarded(None)):
        moving = Moving(robot, NAMES, pose(left_shoulder_pitch=-1.0))
        for _ in range(20):
            moving.step(pose(left_shoulder_pitch=-1.0))
        for _ in range(30):
            moving.step(pose(left_shoulder_pitch=1.0, right_elbow=0.3))
        supervisor = moving.executor.supervisor
        supervisor.press_estop(True) if what == "estop" else supervisor.request_stop()
        moving.step(pose())
        count = 1
        while moving.executor.limiter.rate.any():
            moving.step(pose())
            count += 1
        lengths.append(count)
    assert lengths[0] <= lengths[1]


def test_a_measurement_is_used_again_only_while_nothing_can_have_come_near(measure: Measure) -> None:
    rng = np.random.default_rng(0)
    guard, fresh = (ClearanceGuard(guarded(), NAMES, 0.005) for _ in range(2))
    position, rate = pose(), np.zeros(len(NAMES))
    used_again = 0
    for _ in range(400):
        rate = np.clip(rate + rng.normal(size=len(NAMES)) * 0.1, -0.5, 0.5)
        way = way_to_rest(position, position + rate * 0.005, rate, G1.limits(NAMES, "max_acceleration"))
        fresh.forget()
        allowed, should = guard.allows(way, rate), fresh.allows(way, rate)
        used_again += guard._way is not way  # as it is where it has been measured
        assert allowed or not should
        assert should or not allowed
        position = np.clip(position + rate * 0.005, LOWER, UPPER) if allowed else position
        rate = rate if allowed else -rate
    assert used_again > 100


def test_both_ways_to_rest_end_where_the_joints_do() -> None:
    rate, change = np.array([1.0, -2.0, 0.0]), np.array([10.0, 10.0, 10.0])
    way = way_to_rest(np.zeros(3), np.ones(3), rate, change)

    assert way[2] == pytest.approx([1.1, 0.8, 1.0])  # together: 0.2 s
    assert way[4] == pytest.approx([1.05, 0.8, 1.0])  # alone: 0.1 s and 0.2 s
    assert way[3] == pytest.approx([1.05, 0.85, 1.0])  # after 0.1 s


def test_the_refusal_names_both_bodies_and_the_distance(measure: Measure) -> None:
    moving = Moving(guarded(), NAMES, pose())
    drive(moving, ACROSS["left_rubber_hand", "table"], measure, 1.0)

    first, distance, rest = str(moving.refused[0]).split(" ", 2)
    assert {first, rest.removeprefix("m from ")} == {"table", "left_rubber_hand"}
    assert float(distance) == pytest.approx(STOP, abs=0.01)


def test_a_name_that_is_not_there_is_refused_with_what_is() -> None:
    with pytest.raises(ConfigError, match=r"allowed names \['chest'\], but there is only .*torso_link"):
        ClearanceGuard(guarded(ClearanceSettings(allowed=(("chest", "left_elbow_link"),))), NAMES, 0.01)
    with pytest.raises(ConfigError, match=r"keep_out names \['head_link'\]"):
        ClearanceGuard(guarded(ClearanceSettings(keep_out={"head_link": KeepOut(np.zeros(3), np.ones(3))})), NAMES, 0.01)


@pytest.mark.parametrize(
    ("pattern", "instead", "complaint"),
    [
        (r"(?s)<collision.*?</collision>", "", "no link of .* has a shape to guard, pelvis for example: it has no <collision>"),
        ('"head_link"', '"floor"', r"names \['floor'\], which are links"),  # it would have been taken for the floor, or the floor for it
    ],
)
def test_a_robot_that_cannot_be_guarded_is_refused_in_words(pattern: str, instead: str, complaint: str, tmp_path: Path) -> None:
    file = tmp_path / "robot.urdf"
    file.write_text(re.sub(pattern, instead, G1.urdf_path.read_text()))
    with pytest.raises(ConfigError, match=complaint):
        ClearanceGuard(replace(guarded(ClearanceSettings(floor=-0.8)), urdf_path=file), NAMES, 0.01)


def test_an_allowed_pair_is_not_measured() -> None:
    guard = ClearanceGuard(guarded(ClearanceSettings(allowed=(("left_rubber_hand", "torso_link"),))), NAMES, 0.01)

    assert PAIRS_TORSO in PAIRS
    assert PAIRS_TORSO not in guard.pairs
