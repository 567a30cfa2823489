"""When to look and when to act, told without threads: a real policy's file, and inputs by hand."""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from going_on import write_going_on
from policies import write_policy

from neon_control.core.common.errors import ChunkError, ObservationError
from neon_control.core.control.foresight import Foreseen
from neon_control.core.robot.robot_file import load_robot
from neon_control.core.sensing.observation import ObservationBuilder
from neon_control.runtime.policy.decisions import InferenceDecisions
from neon_control.runtime.policy.policy import Features, Policy

S = 1_000_000_000
DT = 0.02


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    folder = tmp_path_factory.mktemp("policies") / "tiny"
    robot = write_policy(folder, use_audio=False)[2]
    return Policy.load(folder, robot)


@pytest.fixture(scope="module")
def listening_policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    folder = tmp_path_factory.mktemp("policies") / "listening"
    robot = write_policy(folder)[2]
    return Policy.load(folder, robot)


class Rig:
    """Decisions at 10 Hz with their inputs and counters."""

    def __init__(self, policy: Policy, head_rate_hz: float = 0.0, prefixes: bool = True) -> None:
        self.counts: Counter[str] = Counter()
        self.builder = ObservationBuilder(policy.file.space.joint_names)
        self.decisions = InferenceDecisions(policy, self.builder, 10.0, head_rate_hz, lambda name: self.counts.update([name]), prefixes)

    def see(self, stamp: int) -> None:
        self.builder.images.add(stamp, np.zeros((24, 32, 3), np.uint8))

    def feel(self, stamp: int) -> None:
        names = self.builder.joint_states.joint_names
        self.builder.joint_states.add(stamp, names, [0.0] * len(names))


def features(policy: Policy, stamp: int) -> Features:
    return Features(stamp, np.zeros(policy.file.vision.features, np.float32), np.zeros(384, np.float32))


def test_an_image_over_the_rate_or_during_a_look_asks_for_none(policy: Policy) -> None:
    rig = Rig(policy)
    assert rig.decisions.image_arrived(10 * S, 0) and rig.decisions.busy
    assert not rig.decisions.image_arrived(10 * S + S // 50, S // 50)
    assert not rig.decisions.image_arrived(10 * S + S // 10, S // 10)
    rig.decisions.finish(S // 8)
    assert not rig.decisions.busy
    assert rig.decisions.image_arrived(10 * S + S // 5, S // 5)
    assert rig.counts == {"images_over_rate": 1, "requests_skipped": 1}


def test_without_images_a_look_is_due_two_periods_after_the_last_one_was_asked_for_or_ended(policy: Policy) -> None:
    rig = Rig(policy)
    assert rig.decisions.silent(0), "nothing was ever asked for"
    assert not rig.decisions.silent(S), "it runs still"
    rig.decisions.finish(2 * S)
    assert not rig.decisions.silent(2 * S + S // 5)
    assert rig.decisions.silent(2 * S + S // 5 + 1)


def test_an_image_is_done_when_its_chunk_is_out_and_not_when_that_failed(policy: Policy) -> None:
    rig = Rig(policy)
    rig.see(10 * S)
    rig.feel(10 * S)
    for _ in range(2):  # the first chunk fails
        look = rig.decisions.look(10 * S)
        assert look is not None and look.observation.stamp == 10 * S
        start = rig.decisions.keep(look, features(policy, 10 * S))
        assert start is not None and start.stamp == 10 * S
    rig.decisions.acted(start)
    assert rig.decisions.look(10 * S) is None
    assert rig.counts == {"unchanged_images": 1}


def test_at_two_rates_an_image_is_done_when_its_features_are_there_and_a_joint_state_when_its_chunk_is_out(policy: Policy) -> None:
    rig = Rig(policy, 30.0)
    rig.see(10 * S)
    look = rig.decisions.look(10 * S)
    assert look is not None and rig.decisions.next_start(10 * S) is None
    assert rig.decisions.keep(look, features(policy, 10 * S)) is None
    assert rig.decisions.look(10 * S) is None
    rig.feel(10 * S + S // 100)
    for _ in range(2):  # the first chunk fails
        start = rig.decisions.next_start(10 * S + S // 100)
        assert start is not None and start.stamp == 10 * S + S // 100
    rig.decisions.acted(start)
    assert rig.decisions.next_start(10 * S + S // 100) is None
    assert rig.counts == {"unchanged_images": 1, "unchanged_joint_states": 1}


def test_features_from_the_future_are_forgotten_also_while_no_joint_states_come(policy: Policy) -> None:
    rig = Rig(policy, 30.0)
    rig.see(10 * S)
    look = rig.decisions.look(10 * S)
    assert look is not None
    rig.decisions.keep(look, features(policy, 10 * S))
    with pytest.raises(ObservationError, match="joint_states: nothing received"):
        rig.decisions.next_start(S)  # the clock was set back
    assert rig.decisions.features_stamp is None


def test_a_change_of_policy_is_refused_until_there_is_what_only_the_new_one_needs(policy: Policy, listening_policy: Policy) -> None:
    rig = Rig(policy)
    with pytest.raises(ObservationError, match="audio: nothing received"):
        rig.decisions.change(listening_policy, 10 * S)
    assert rig.decisions.policy is policy
    rig.builder.audio.add(10 * S, np.zeros(320, np.int16))
    rig.decisions.change(listening_policy, 10 * S)
    rig.see(10 * S)
    rig.feel(10 * S)
    look = rig.decisions.look(10 * S)
    assert look is not None and look.policy is listening_policy and len(look.observation.audio) > 0


def reading(policy: Policy) -> Policy:
    """The same policy, as one that is told what to do."""
    told = copy.copy(policy)
    told.file = replace(policy.file, vision=replace(policy.file.vision, tasks=True))
    return told


def test_a_policy_that_reads_waits_for_words_and_stops_at_once_when_they_are_taken_back(policy: Policy) -> None:
    reader = reading(policy)
    rig = Rig(reader, 30.0)
    rig.see(10 * S)
    rig.feel(10 * S)
    with pytest.raises(ObservationError, match="instruction: nothing was told") as error:
        rig.decisions.look(10 * S)
    assert error.value.inputs == ("instruction",)
    rig.builder.instruction = "go"
    look = rig.decisions.look(10 * S)
    assert look is not None and look.observation.instruction == "go"
    rig.decisions.keep(look, features(policy, 10 * S))
    assert rig.decisions.next_start(10 * S) is not None
    rig.builder.instruction = ""
    with pytest.raises(ObservationError, match="instruction: nothing was told"):
        rig.decisions.next_start(10 * S)


def test_a_change_to_a_policy_that_reads_needs_words_and_to_one_that_listens_words_that_can_be_spoken(
    policy: Policy, listening_policy: Policy
) -> None:
    rig, reader = Rig(policy), reading(policy)
    with pytest.raises(ObservationError, match="instruction: nothing was told"):
        rig.decisions.change(reader, 10 * S)
    assert rig.decisions.policy is policy
    rig.builder.instruction = "go"
    with pytest.raises(ObservationError, match="audio: nothing received"):
        rig.decisions.change(listening_policy, 10 * S)
    rig.builder.voice = lambda words, stamp: np.full(32000, len(words), np.float32)
    rig.decisions.change(listening_policy, 10 * S)
    rig.decisions.change(reader, 10 * S)
    assert rig.decisions.policy is reader


def test_a_refusal_is_counted_in_all_and_by_what_is_to_blame(policy: Policy) -> None:
    rig = Rig(policy)
    assert rig.decisions.refused(ObservationError("", ("camera", "audio"))) == ("camera", "audio")
    assert rig.decisions.refused(ObservationError("")) == ("observation",)
    assert rig.decisions.refused(ChunkError("non_finite", "")) == ("non_finite",)
    assert rig.counts == {"refusals": 3, **{f"refusals_{name}": 1 for name in ("camera", "audio", "observation", "non_finite")}}


MS = 1_000_000


@pytest.fixture(scope="module")
def going_on(tmp_path_factory: pytest.TempPathFactory) -> tuple[Policy, Policy]:
    """Two that take prefixes."""
    loaded = []
    for name in ("first", "second"):
        folder = tmp_path_factory.mktemp("policies") / name
        write_going_on(folder, max_prefix=8)
        loaded.append(Policy.load(folder, load_robot("g1.yaml")))
    return loaded[0], loaded[1]


def act(rig: Rig, stamp: int, policy: Policy, head: bool = False) -> np.ndarray:
    """One observation to a chunk that the executor follows; its prefix (d, N)."""
    rig.see(stamp)
    rig.feel(stamp)
    look = rig.decisions.look(stamp)
    start = rig.decisions.keep(look, features(policy, stamp)) if look is not None else None
    if head:
        start = rig.decisions.next_start(stamp)
    assert start is not None and start.policy is policy
    given = rig.decisions.prefix(start, stamp + 10 * MS)
    chunk, prefix = start.chunk(given), given.values
    np.testing.assert_allclose(chunk.values[: len(prefix)], prefix, atol=1e-6)
    rig.decisions.goes_out(chunk, stamp + 30 * MS)
    rig.decisions.acted(start)
    for stream, half in chunk.streams().items():
        rig.decisions.told(stream, Foreseen(stamp, 3, DT, half.names, half.values[3:]))
    return prefix


@pytest.mark.parametrize("head_rate_hz", [0.0, 20.0], ids=["one rate", "two rates"])
def test_a_chunk_goes_on_from_what_the_executor_was_given_before(going_on: tuple[Policy, Policy], head_rate_hz: float) -> None:
    policy, _ = going_on
    rig = Rig(policy, head_rate_hz)
    lengths = [len(act(rig, 10 * S + k * 60 * MS, policy, head_rate_hz > 0.0)) for k in range(12)]
    assert lengths == [0] * 8 + [4] * 4 and rig.decisions.delay == pytest.approx(4 * DT)
    assert rig.counts["prefixes"] == 4 and rig.counts["no_prefix_delay"] == 7 and rig.counts["no_prefix_start"] == 1
    assert rig.decisions.committed is not None and len(rig.decisions.committed) == 4


def test_the_first_chunks_of_another_policy_go_on_from_nothing(going_on: tuple[Policy, Policy]) -> None:
    first, second = going_on
    rig = Rig(first)
    for k in range(10):
        prefix = act(rig, 10 * S + k * 60 * MS, first)
    assert len(prefix) == 4
    rig.decisions.change(second, 11 * S)
    lengths = [len(act(rig, 10 * S + k * 60 * MS, second)) for k in range(10, 20)]
    assert lengths == [0] * 8 + [4] * 2 and rig.counts["no_prefix_swap"] == 1


def test_a_policy_that_takes_no_prefix_counts_none(policy: Policy) -> None:
    rig = Rig(policy)
    rig.see(10 * S)
    rig.feel(10 * S)
    start = rig.decisions.keep(rig.decisions.look(10 * S), features(policy, 10 * S))
    assert not len(rig.decisions.prefix(start, 10 * S)) and not rig.counts


def test_with_prefixes_turned_off_a_policy_is_given_none_and_it_is_said_why(going_on: tuple[Policy, Policy]) -> None:
    policy, _ = going_on
    rig = Rig(policy, prefixes=False)
    assert not any(len(act(rig, 10 * S + k * 60 * MS, policy)) for k in range(12))
    assert rig.counts["no_prefix_off"] == 12 and rig.decisions.committed.why == "the parameter `prefixes` is off"


def test_a_policy_that_only_starts_from_what_is_under_way_is_told_the_rest_of_it(going_on: tuple[Policy, Policy]) -> None:
    """The same policy, taken for one: what it is told is looked at here, and its graph does not need it."""
    policy = copy.copy(going_on[0])
    policy.file = replace(policy.file, forward_only=True, max_prefix=0)
    rig = Rig(policy)
    policy.act = lambda *given: going_on[0].act(*given[:4])  # type: ignore[method-assign]
    for k in range(10):
        act(rig, 10 * S + k * 60 * MS, policy)
    committed = rig.decisions.committed
    assert len(committed) == 4 and len(committed.further) == 16 - 4 - 3  # the older chunk ends three steps before the newest
