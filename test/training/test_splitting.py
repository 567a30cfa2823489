import numpy as np
import pytest

from neon_control.core.common.errors import ConfigError
from neon_control.training.interventions import DEMONSTRATED, PERSONS
from neon_control.training.splitting import split_episodes


def sides(*args, **given) -> tuple[list, list]:
    split = split_episodes(*args, **given)
    return split.kept, split.held_out


def numbered(count: int, episodes: int = 1) -> list[dict[str, np.ndarray]]:
    """Recordings of six samples whose `vision` is (recording, episode), with `episodes` of these in each."""
    made = []
    for i in range(count):
        episode = np.arange(6, dtype=np.int32) * episodes // 6
        vision = np.stack([np.full(6, i), episode], axis=1).astype(np.float32)
        arrays = {key: vision.copy() for key in ("audio", "joints", "actions", "mask")}
        made.append({"vision": vision, **arrays, "episode": episode})
    return made


@pytest.mark.parametrize("episodes", [1, 3])
def test_episodes_never_part_and_none_is_lost(episodes: int) -> None:
    recordings = numbered(20, episodes)
    kept, held_out = sides(recordings, 0.1, seed=3)
    assert len(held_out) == 2 * episodes and len(kept) + len(held_out) == 20 * episodes
    found = [tuple(row) for part in (kept, held_out) for episode in part for row in np.unique(episode["vision"], axis=0)]
    assert len(found) == len(set(found)) == len(kept) + len(held_out)
    again, _ = sides(recordings, 0.1, seed=3)
    other, _ = sides(recordings, 0.1, seed=4)
    assert all(np.array_equal(a["vision"], b["vision"]) for a, b in zip(kept, again, strict=True))
    assert any(not np.array_equal(a["vision"], b["vision"]) for a, b in zip(kept, other, strict=True))
    assert all(any(np.shares_memory(e["vision"], r["vision"]) for r in recordings) for e in (*kept, *held_out)), "nothing is copied"


def test_recordings_of_one_take_never_part() -> None:
    takes = [f"take {i // 3}" for i in range(18)] + ["", ""]
    kept, held_out = sides(numbered(20), 0.25, seed=3, takes=takes)
    found = [{takes[int(e["vision"][0, 0])] or int(e["vision"][0, 0]) for e in part} for part in (kept, held_out)]
    assert not found[0] & found[1] and len(found[0] | found[1]) == 8 and len(found[1]) == 2
    assert len(kept) + len(held_out) == 20
    with pytest.raises(ConfigError, match="2 episode in 2 recordings of one take"):
        split_episodes(numbered(2), 0.25, seed=3, takes=["same", "same"])


def test_one_episode_cannot_be_split() -> None:
    assert len(split_episodes(numbered(2), 0.01, seed=0).held_out) == 1
    with pytest.raises(ConfigError, match="1 episode in 1 recordings"):
        split_episodes(numbered(1), 0.1, seed=0)


def test_what_judged_the_policy_that_is_started_from_judges_again_and_new_takeovers_beside_it() -> None:
    recordings = numbered(40)
    names = [f"data/{i}" for i in range(40)]
    first = split_episodes(recordings[:20], 0.2, seed=3, names=names)
    judged = {int(e["vision"][0, 0]) for e in first.held_out}
    for i, recording in enumerate(recordings):
        recording["kind"] = np.full(6, DEMONSTRATED if i < 30 else PERSONS)
    again = split_episodes(recordings, 0.2, seed=4, names=names, before=first.noted)
    held = {int(e["vision"][0, 0]) for e in again.held_out}
    assert judged == {int(e["vision"][0, 0]) for e in again.old} and judged < held
    assert len(held - judged) == 2 and min(held - judged) >= 30  # of the ten with takeovers; no demonstration that was learnt
    assert len(again.kept) == 34 and set(first.noted.split()) < set(again.noted.split())


def test_where_the_policy_does_not_say_what_judged_it_demonstrations_are_old() -> None:
    recordings = numbered(20)
    for i, recording in enumerate(recordings):
        recording["kind"] = np.full(6, PERSONS if i % 2 else DEMONSTRATED)
    split = split_episodes(recordings, 0.5, seed=1)
    assert len(split.held_out) == 10 and 0 < len(split.old) < 10 and all(e["vision"][0, 0] % 2 == 0 for e in split.old)
