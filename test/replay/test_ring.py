"""The ring holds what was asked for, and no more."""

from __future__ import annotations

from pathlib import Path

from neon_control.recordings.bag.bag_file import Bag
from neon_control.recordings.bag.making import text
from neon_control.recordings.bag.message_types import find_definition
from neon_control.replay.episode_bag import EpisodeBag
from neon_control.replay.open_bag import Kind
from neon_control.replay.ring import SEGMENTS, Ring, leftovers, rescue

KIND = Kind("std_msgs/msg/String", *find_definition("std_msgs/msg/String"), ())


def fill(ring: Ring, seconds: int, rate: int = 10) -> None:
    """Messages with their own time, as text."""
    for tick in range(seconds * rate):
        bag, _ = ring.bag(100.0 + tick / rate)
        bag.write("/words", KIND, (tick + 1) * 10**9 // rate, text(f"{tick / rate}"))


def heard(path: Path) -> list[float]:
    with Bag(path, lambda *_: None) as bag:
        return [float(bag.decode(m).data) for m in bag.messages()]


def test_it_reaches_back_as_far_as_asked_and_at_most_a_segment_further_however_long_it_runs(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    ring = Ring(tmp_path / "own", 60.0)
    fill(ring, 400)
    assert len(list((tmp_path / "own").glob("*.ring"))) <= SEGMENTS + 2
    bag = EpisodeBag(tmp_path / "episode_00001", tmp_path / "own", ring.take())
    bag.close()

    times = heard(tmp_path / "episode_00001")
    assert times[-1] == 399.9 and 60.0 <= times[-1] - times[0] <= 60.0 + 2 * 60.0 / SEGMENTS
    assert times == sorted(times)
    assert not leftovers(tmp_path / "own")


def test_what_a_kill_leaves_is_kept_but_for_what_cannot_be_read(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    ring = Ring(own, 12.0)
    fill(ring, 8)
    ring.bag(107.9)[0].flush()
    (own / "segment_999999.ring").write_bytes(b"\x89MCAP")
    assert rescue(leftovers(own), tmp_path / "episode_00007")
    times = heard(tmp_path / "episode_00007")
    assert times[0] == 0.0 and times[-1] == 7.9
    assert not leftovers(own)
    (own / "segment_000000.ring").write_bytes(b"")
    assert not rescue(leftovers(own), tmp_path / "episode_00008") and not (tmp_path / "episode_00008").exists()
