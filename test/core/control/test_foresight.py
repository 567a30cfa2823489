"""What is foreseen is what is commanded, as long as nothing else comes; and what breaks it off is told."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from person_rig import Person
from test_executor import DT, GENTLE, MIDDLE, MS, NAMES, PERIOD, ROBOT, H, World

from neon_control.core.control.chunk import BASE, JOINTS, ActionChunk
from neon_control.core.control.ensemble import EnsembleSettings
from neon_control.core.control.foresight import SPARE, Foreseen, nothing
from neon_control.core.control.supervisor import State
from neon_control.core.control.under_way import Prefix, UnderWay
from neon_control.core.robot.action_space import BASE_NAMES


class Watched(Person):
    """A world that keeps what the executor tells of its future, and what it commanded."""

    def __init__(self, *arguments: object, **settings: object) -> None:
        super().__init__(*arguments, **settings)
        self.told: list[tuple[int, bool, dict[str, Foreseen]]] = []

    def step(self, count: int = 1, skipped: int = 0):
        for n in range(count):
            command = super().step(1, 0 if n else skipped)
            outlook = self.executor.outlook()
            if outlook is not None:
                self.told.append((self.now, outlook.broken, outlook.foresee()))
        return command

    def wait_for(self, stamp: int) -> dict[str, Foreseen]:
        """The newest foresight, after a chunk with this stamp."""
        for _ in range(20):
            if self.told and self.told[-1][2][JOINTS].stamp == stamp:
                return self.told[-1][2]
            self.step()
        raise AssertionError("not told")

    def one_more_chunk(self) -> dict[str, Foreseen]:
        """Another chunk, and no more of them; what is foreseen with it."""
        self.chunks = False
        self.send_chunk()
        return self.wait_for(self.now - 60 * MS)


def commanded(world: World, instants: np.ndarray) -> np.ndarray:
    """(P, J) where the joints were told to be, by the first message that says so for good."""
    rows = []
    for instant in instants.tolist():
        later = [c for c, t in zip(world.commands, world.times, strict=True) if t >= instant]
        rows.append(later[0].motion.at(instant)[0])
    return np.array(rows)


@pytest.mark.parametrize("method", ["latest", "act", "blend"])
@pytest.mark.parametrize("robot", [ROBOT, GENTLE], ids=["envelope", "max_jerk"])
@pytest.mark.parametrize("latency", [0.0, 0.05])
def test_what_is_foreseen_is_what_is_commanded(robot, method: str, latency: float):
    ensemble = EnsembleSettings(method=method)
    world = Watched(robot, joints=ensemble, base=ensemble, action_latency=latency)
    world.run_to(State.RUNNING)
    world.step(35)
    told = world.one_more_chunk()
    world.step(15)
    joints, base = told[JOINTS], told[BASE]
    assert joints.first >= 1 and len(joints.values) >= 4
    ends = joints.instants - round(latency * 1e9)
    known = ends <= world.now
    assert known.sum() >= 3
    np.testing.assert_allclose(joints.values[known], commanded(world, ends[known]), atol=2e-4)  # a line between two periods
    drives = np.array([c.base for c in world.commands])
    moments = base.instants - round(latency * 1e9)
    for row, moment in zip(base.values[moments <= world.now], moments[moments <= world.now], strict=True):
        now = np.array([np.interp(moment, world.times, column) for column in drives.T])
        np.testing.assert_allclose(row, now, atol=1e-6)


def test_the_ramp_at_the_start_is_foreseen():
    world = Watched(start_ramp=1.0)
    world.run_to(State.RAMPING)
    world.step(30)
    assert world.state is State.RAMPING
    told = world.one_more_chunk()[JOINTS]
    world.step(15)
    known = told.instants <= world.now
    assert known.sum() >= 3
    np.testing.assert_allclose(told.values[known], commanded(world, told.instants[known]), atol=2e-4)
    chunk = world.policy(told.instants[known] * 1e-9)[0]
    assert np.abs(told.values[known] - chunk).max() > 0.01, "that would be the policy's own way"


def test_the_grid_is_that_of_the_newest_chunk_and_begins_with_the_last_step_that_it_cannot_change():
    world = Watched()
    world.run_to(State.RUNNING)
    told = world.one_more_chunk()
    stamp, taken = world.now - 60 * MS, world.times[-1]
    world.step()
    joints, base = told[JOINTS], told[BASE]
    assert joints.dt == DT and joints.names == NAMES
    assert (joints.instants - joints.stamp) % round(DT * 1e9) == pytest.approx(0)
    assert joints.instants[0] <= taken + 40 * MS < joints.instants[1], "the joints are commanded ahead"
    assert joints.delay == joints.first + 1
    assert base.instants[0] < joints.instants[0], "the base acts at once"
    assert joints.stamp == base.stamp == joints.instants[0] - joints.first * round(DT * 1e9)
    assert joints.first + len(joints.values) <= H and abs(stamp - joints.stamp) <= 10 * PERIOD


def test_each_chunk_is_told_once_and_a_chunk_of_one_stream_alone_not_at_all():
    world = Watched()
    world.run_to(State.RUNNING)
    world.told.clear()
    world.step(100)
    stamps = [told[JOINTS].stamp for _, broken, told in world.told if not broken]
    assert len(stamps) == 10 == len(set(stamps))
    world.chunks = False
    count = len(world.told)
    joints, _ = world.policy(world.now * 1e-9 + DT * np.arange(H))
    world.executor.add_chunk(JOINTS, ActionChunk(world.now, DT, NAMES, joints), world.source)
    world.step(2)
    assert len(world.told) == count


@pytest.mark.parametrize("how", ["estop", "chunks", "joint_states", "stop"])
def test_a_stop_is_told_in_its_own_period_and_once(how: str):
    world = Watched()
    world.run_to(State.RUNNING)
    world.step(20)
    world.told.clear()
    if how == "estop":
        world.executor.supervisor.press_estop(True)
    elif how == "stop":
        world.executor.supervisor.request_stop()
    else:
        setattr(world, {"chunks": "chunks", "joint_states": "states"}[how], False)
    for _ in range(200):
        world.step()
        if world.state not in (State.RUNNING, State.RAMPING):
            break
    moment, broken, told = world.told[-1]
    assert moment == world.now and broken
    assert all(not len(foreseen.values) for foreseen in told.values())
    count = len(world.told)
    world.step(100)
    assert len(world.told) == count


def test_after_a_stall_what_was_foreseen_before_is_said_not_to_hold():
    world = Watched()
    world.run_to(State.RUNNING)
    world.step(20)
    world.told.clear()
    world.step(1, skipped=8)
    world.step(10)
    assert world.state is State.RUNNING
    assert world.told[0][1], "broken"
    assert not any(broken for _, broken, _ in world.told[1:])


def test_nobody_who_listens_costs_no_copies_and_misses_no_break():
    world = World()
    world.run_to(State.RUNNING)
    first = world.executor.outlook(foresee=False)
    assert first is not None and first.broken and first.followed is None
    for _ in range(50):
        world.step()
        assert world.executor.outlook(foresee=False) is None


def test_to_foresee_changes_nothing_about_what_is_commanded():
    plain, watched = World(GENTLE), Watched(GENTLE)
    for world in (plain, watched):
        world.run_to(State.RUNNING)
        world.step(80)
    assert watched.told
    for one, other in zip(plain.commands, watched.commands, strict=True):
        np.testing.assert_array_equal(one.positions, other.positions)
        np.testing.assert_array_equal(one.base, other.base)


def test_an_outlook_that_was_never_told_leaves_its_break_to_the_next():
    world = World()
    world.run_to(State.RUNNING)
    first = world.executor.outlook()
    world.step(20)
    second = world.executor.outlook()
    assert first is not None and second is not None and first.broken and not second.broken
    assert second.after(first).broken and second.after(first).followed is second.followed
    assert second.after(None) is second and first.after(second) is first
    assert dataclasses.replace(second, followed=None).foresee()[JOINTS].values.shape == (0, len(MIDDLE))


@pytest.mark.parametrize("robot", [ROBOT, GENTLE], ids=["envelope", "max_jerk"])
def test_what_a_person_commands_is_foreseen_on_the_grid_of_the_policy_s_chunks(robot):
    world = Watched(robot)
    world.run_to(State.RUNNING)
    world.step(35)
    world.pressed, world.target, world.drive = True, {NAMES[0]: MIDDLE[0] + 0.3}, np.array([0.3, 0.0, 0.0, 0.0, 0.0, 0.0])
    world.step(12)
    told = world.one_more_chunk()
    world.step(15)
    joints, base = told[JOINTS], told[BASE]
    known = joints.instants <= world.now
    assert known.sum() >= 3 and not any(broken for _, broken, _ in world.told[1:])
    np.testing.assert_allclose(joints.values[known], commanded(world, joints.instants[known]), atol=5e-4)
    drives, moments = np.array([c.base for c in world.commands]), base.instants[base.instants <= world.now]
    for row, moment in zip(base.values, moments, strict=False):
        np.testing.assert_allclose(row, [np.interp(moment, world.times, column) for column in drives.T], atol=1e-6)


def test_a_change_of_who_leads_is_told_in_its_own_period_and_a_person_again_and_again():
    world = Watched()
    world.run_to(State.RUNNING)
    world.step(33)
    world.told.clear()
    world.pressed = True
    world.step(2)
    assert world.told[0][0] in (world.now, world.now - PERIOD)
    world.told.clear()
    world.step(100)
    assert 18 <= len(world.told) <= 31, "each chunk, and every 50 ms"
    assert all(len(foreseen.values) for _, _, told in world.told for foreseen in told.values())
    world.told.clear()
    world.pressed = False
    world.step(2)
    assert len(world.told) >= 1 and world.executor.commander == "policy"
    world.told.clear()
    world.step(100)
    assert 9 <= len(world.told) <= 11


def test_a_policy_that_is_gone_is_told_nothing_while_a_person_leads():
    world = Watched()
    world.run_to(State.RUNNING)
    world.pressed = True
    world.step(20)
    world.chunks = False
    world.step(40)
    world.told.clear()
    world.step(100)
    assert world.executor.commander == "takeover" and not world.told


def test_a_policy_is_given_what_the_person_commands_as_its_prefix():
    """Chunks 60 ms old, 10 a second; the person moves a joint at 0.4 rad/s, of which 50 ms are not known when it is told."""
    world = Watched()
    under_way = UnderWay((*NAMES, *BASE_NAMES), DT, 12)
    asked: list[tuple[int, Prefix]] = []

    def send_chunk(latency: int = 60 * MS, source: object = None) -> None:
        stamp = world.now - latency
        while world.told:
            _, broken, told = world.told.pop(0)
            for stream, foreseen in told.items():
                if broken and len(foreseen.values):
                    under_way.told(stream, nothing(foreseen.names))
                under_way.told(stream, foreseen)
        asked.append((stamp, under_way.prefix(stamp, world.now)))
        chunk = ActionChunk(stamp, DT, (*NAMES, *BASE_NAMES), np.hstack(world.policy(stamp * 1e-9 + DT * np.arange(H))))
        under_way.goes_out(chunk, world.now)
        for stream, half in chunk.streams().items():
            world.executor.add_chunk(stream, half, "policy")

    world.send_chunk = send_chunk
    world.run_to(State.RUNNING)
    world.step(150)
    world.pressed, world.drive = True, np.array([0.3, 0.0, 0.0, 0.0, 0.0, 0.0])
    world.step(60)
    since = len(asked)
    for k in range(100):
        world.target = {NAMES[0]: world.commands[-1].positions[0] if not k else world.target[NAMES[0]] + 0.004}
        world.step()
    world.chunks = False
    world.step(30)
    given = asked[since:]
    assert len(given) == 10 and [prefix.reason for _, prefix in given] == [""] * 10
    for stamp, prefix in given[1:]:
        rows = commanded(world, stamp + MS * 20 * np.arange(len(prefix)))
        assert np.abs(prefix.values[:, : len(NAMES)] - rows).max() < 0.03
        np.testing.assert_allclose(prefix.values[:, len(NAMES) :], np.tile([0.3, 0.0, 0.0], (len(prefix), 1)), atol=1e-6)


@pytest.mark.parametrize(("num_steps", "dt"), [(8, 0.1), (50, 0.02), (64, 0.1)])
def test_of_a_horizon_of_seconds_only_as_much_is_foreseen_as_the_next_chunks_need(num_steps: int, dt: float):
    world = Watched(dt=dt, num_steps=num_steps, chunk_timeout=10.0)
    world.run_to(State.RUNNING)
    world.step(35)
    told = world.one_more_chunk()[JOINTS]
    reach = (told.instants[-1] - world.now) * 1e-9
    most = SPARE + 2 * 0.06 + 0.05  # [s] beyond the end of what is told: a chunk took 0.06 s
    whole = (num_steps - 1) * dt - 0.06
    assert min(whole, most) - 1.5 * dt <= reach <= min(whole, most) + 0.1
    assert told.dt == dt and told.first == 1 if dt == 0.1 else told.first > 1


def test_what_the_base_was_told_reaches_back_over_a_step_of_the_newest_chunk_and_not_much_further():
    """A step of 1 s has more periods than were remembered once."""
    world = Watched(dt=1.0, num_steps=8, chunk_timeout=10.0)
    world.run_to(State.RUNNING)
    world.step(153)
    world.send_chunk()
    world.chunks = False
    World.step(world)  # without a look at what is foreseen
    followed = world.executor.outlook().followed
    assert 0.95 <= (world.now - followed.drives[0][0]) * 1e-9 <= 1.1 and len(world.executor._driven) <= 110
