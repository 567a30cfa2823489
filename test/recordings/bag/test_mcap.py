"""Files of the storage mcap: with every preset and option of the recorder, cut off and damaged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mcap.writer import CompressionType, IndexType
from recorder_files import INT32, Line, lines, number, value, write_mcap

from neon_control.recordings.bag import unpacking
from neon_control.recordings.bag.bag_file import Bag, BagError

SMALL = {"chunk_size": 200}  # [bytes] so that a few messages fill many chunks
OPTIONS: dict[str, dict[str, Any]] = {
    "none": SMALL,
    "one part": {},
    "fastwrite": {"use_chunking": False},
    "zstd": {"compression": CompressionType.ZSTD, **SMALL},
    "lz4": {"compression": CompressionType.LZ4, **SMALL},
    "no index of messages": {"index_types": IndexType.CHUNK, **SMALL},
    "no index": {"index_types": IndexType.NONE, **SMALL},
    "no statistics": {"use_statistics": False, **SMALL},
    "no topics in the summary": {"repeat_channels": False, **SMALL},
    "no types in the summary": {"repeat_schemas": False, **SMALL},
    "nothing but data": {
        "index_types": IndexType.NONE, "use_statistics": False, "repeat_channels": False, "repeat_schemas": False, **SMALL
    },
}  # fmt: skip


def read(path: Path, problems: list[tuple[str, float | None]] | None = None) -> list[int]:
    with Bag(path, None if problems is None else lambda where, text, time: problems.append((text, time))) as bag:
        return [value(m.data) for m in bag.messages(["/number"])]


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_gives_all_messages_in_the_order_of_time(name: str, tmp_path: Path) -> None:
    # A recorder on several threads, or one that takes the middleware's times, does not write in the order of time.
    messages = [m for pair in zip(lines(40)[1::2], lines(40)[::2], strict=True) for m in pair]
    others = [m._replace(topic="/other") for m in messages]

    path = write_mcap(tmp_path / "take_0.mcap", [m for pair in zip(messages, others, strict=True) for m in pair], **OPTIONS[name])

    assert read(path) == list(range(40))
    with Bag(path) as bag:
        assert {t.name: t.count for t in bag.topics.values()} == {"/number": 40, "/other": 40}
        assert (bag.start, bag.end) == (0, 39 * 10**9)
        assert [bag.decode(m).data for m in bag.messages()] == [i for i in range(40) for _ in range(2)]
        bag.cut(10.0, 5.0)
        assert [value(m.data) for m in bag.messages(["/other"])] == [10, 11, 12, 13, 14, 15]


@pytest.mark.parametrize("encoding", ["unknown", ""])
def test_a_type_that_the_recorder_could_not_define_hides_no_other_topic(encoding: str, tmp_path: Path) -> None:
    event = Line("/reset/_service_event", 0, b"\x00\x01\x00\x00", "std_srvs/srv/Trigger_Event")

    assert read(write_mcap(tmp_path / "take_0.mcap", [event, *lines(3)], {event.type: (encoding, "")})) == [0, 1, 2]


@pytest.mark.parametrize("name", ["none", "one part", "fastwrite", "zstd"])
def test_of_a_file_that_was_cut_off_all_that_is_whole_is_read(name: str, tmp_path: Path) -> None:
    whole = write_mcap(tmp_path / "take_0.mcap", lines(40), **OPTIONS[name]).read_bytes()
    path = tmp_path / "cut_0.mcap"
    seen = set()
    for size in range(len(whole) // 4, len(whole), 97):
        path.write_bytes(whole[:size])
        problems: list[tuple[str, float | None]] = []
        try:
            found = read(path, problems)
        except BagError:  # nothing of it
            continue
        seen.add(len(found))
        assert found == list(range(len(found)))
        if found:
            cut_off = [time for text, time in problems if text == "it was cut off: what was recorded after this time is lost"]
            assert cut_off in ([], [pytest.approx(found[-1])]) and (cut_off or len(found) == 40)
    assert len(seen) > 5 and max(seen) == 40


def test_a_file_that_ends_in_zeros_as_after_a_power_cut_is_read_up_to_there(tmp_path: Path) -> None:
    path = write_mcap(tmp_path / "take_0.mcap", lines(40), **SMALL)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + bytes(len(content) // 2))
    problems: list[tuple[str, float | None]] = []

    found = read(path, problems)

    assert 10 < len(found) < 30 and found == list(range(len(found)))
    assert problems[-1] == ("it was cut off: what was recorded after this time is lost", pytest.approx(found[-1]))


def test_a_damaged_part_costs_itself_and_is_named_by_its_time_once(tmp_path: Path) -> None:
    path = write_mcap(tmp_path / "take_0.mcap", lines(40), **SMALL)
    content = bytearray(path.read_bytes())
    content[content.index(number(20))] ^= 0xFF
    path.write_bytes(content)
    problems: list[tuple[str, float | None]] = []

    with Bag(path, lambda where, text, time: problems.append((text, time))) as bag:
        found = [[value(m.data) for m in bag.messages()] for _ in range(2)]

    lost = sorted(set(range(40)) - set(found[0]))
    assert found[0] == found[1] and 20 in lost and 1 < len(lost) < 8 and lost == list(range(lost[0], lost[-1] + 1))
    ((text, time),) = problems
    assert text.startswith(f"the messages of {lost[-1] - lost[0]:.2f} s are damaged, and left out: CRCValidationError")
    assert time == pytest.approx(lost[0])
    with pytest.raises(BagError, match="are damaged"), Bag(path) as bag:
        list(bag.messages())


@pytest.mark.parametrize("name", ["none", "one part", "fastwrite", "zstd", "nothing but data"])
def test_whatever_a_byte_becomes_the_rest_is_read_or_the_file_is_refused(name: str, tmp_path: Path) -> None:
    whole = write_mcap(tmp_path / "take_0.mcap", lines(12), enable_crcs=False, **OPTIONS[name]).read_bytes()
    path = tmp_path / "damaged_0.mcap"
    rng = np.random.default_rng(0)
    read_well = 0
    for _ in range(100):
        content = bytearray(whole)
        content[rng.integers(8, len(content))] = rng.integers(256)
        path.write_bytes(content)
        try:
            with Bag(path, lambda where, text, time: None) as bag:
                read_well += len(list(bag.messages())) > 5
        except BagError:
            pass
    assert read_well > 50


def test_messages_of_other_serialisations_are_left_out_and_said(tmp_path: Path) -> None:
    scene = Line("/scene", 0, b"{}", "foxglove.Scene")
    path = write_mcap(tmp_path / "take_0.mcap", [*lines(2), scene], {scene.type: ("jsonschema", "{}")}, enable_crcs=False)
    path.write_bytes(path.read_bytes().replace(b"/scene\x03\x00\x00\x00cdr", b"/scene\x03\x00\x00\x00jsn"))
    problems: list[tuple[str, str]] = []

    with Bag(path, lambda where, text, time: problems.append((where, text))) as bag:
        assert [m.topic for m in bag.messages()] == ["/number"] * 2
    assert problems == [("/scene", "is left out: its messages are 'jsn', and cdr is needed")]


def test_a_file_that_is_no_mcap_is_called_that(tmp_path: Path) -> None:
    (tmp_path / "take_0.mcap").write_bytes(b"not an mcap at all")
    (tmp_path / "pointer.mcap").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")

    with pytest.raises(BagError, match=r"take_0\.mcap: cannot be read: InvalidMagic: not a valid MCAP file"):
        Bag(tmp_path / "take_0.mcap")
    with pytest.raises(BagError, match=r"pointer\.mcap: cannot be read: .*`git lfs pull` brings the file itself"):
        Bag(tmp_path / "pointer.mcap")


def test_only_the_parts_that_overlap_are_in_memory_at_once(tmp_path: Path) -> None:
    import tracemalloc

    path = write_mcap(
        tmp_path / "take_0.mcap", [Line("/number", i, number(i) + bytes(100_000), INT32) for i in range(200)], chunk_size=10**6
    )
    with Bag(path) as bag:
        tracemalloc.start()
        count = sum(1 for _ in bag.messages())
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

    assert count == 200 and peak < 5e6, "of 20 MB"


@pytest.mark.parametrize("compression", [CompressionType.ZSTD, CompressionType.LZ4])
def test_a_part_that_would_fill_the_memory_is_left_out(
    compression: CompressionType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wound: 65 kB became 2.2 GB, and twice as much while they were unpacked."""
    monkeypatch.setattr(unpacking, "FREE", 100_000)
    zeros = Line("/zeros", 10**9, bytes(30_000_000), INT32)
    path = write_mcap(tmp_path / "take_0.mcap", [*lines(1), zeros, *lines(3)[2:]], compression=compression, **SMALL)
    assert path.stat().st_size < 200_000

    problems: list[tuple[str, float | None]] = []
    assert read(path, problems) == [0, 2]
    with Bag(path, lambda where, text, time: problems.append((text, time))) as bag:
        assert [m.topic for m in bag.messages()] == ["/number", "/number"]
    assert any("are unpacked" in text for text, _ in problems)
