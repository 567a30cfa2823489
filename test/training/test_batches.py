from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from synthetic import recording  # noqa: E402

from neon_control.core.common.errors import ConfigError  # noqa: E402
from neon_control.core.robot.action_space import ActionSpace  # noqa: E402
from neon_control.training import batches  # noqa: E402
from neon_control.training import spill as spilling  # noqa: E402
from neon_control.training.batches import (  # noqa: E402
    batch_indices,
    mean_and_deviation,
    to_batch,
    to_views,
    with_views,
)
from neon_control.training.spill import Spill  # noqa: E402


def test_variants_stay_with_their_samples_and_are_shown_as_they_are_chosen(space: ActionSpace) -> None:
    recordings = [{**recording(space, i, n=4), "views": np.full((4, 2, 3), i, np.float32)} for i in range(3)]
    views = to_views(recordings[:2])
    assert views is not None and views.shape == (8, 2, 3)
    assert to_views([recording(space, 0, n=4)]) is None
    vision, numbers = torch.zeros(3, 1), torch.tensor([[[1.0], [2.0]]] * 3)
    assert with_views(vision, numbers, torch.tensor([0, 2, 1])).tolist() == [[0.0], [2.0], [1.0]]
    recordings[0]["views"][1, 1, 0] = np.nan
    with pytest.raises(ConfigError, match=r"'views' .* in episodes \[0\] of 3"):
        to_views(recordings)


def test_the_batches_of_an_epoch_hold_every_sample_once_and_can_be_taken_up_in_the_middle() -> None:
    whole = list(batch_indices(100, 32, seed=1, epoch=2))
    assert sorted(torch.cat(whole).tolist()) == list(range(100))
    rest = list(batch_indices(100, 32, seed=1, epoch=2, skip=2))
    assert all(torch.equal(a, b) for a, b in zip(whole[2:], rest, strict=True))
    assert not torch.equal(whole[0], next(batch_indices(100, 32, seed=1, epoch=3)))


def test_what_is_large_is_mapped_from_the_disk_and_the_same(space: ActionSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recordings = [recording(space, i, n=40) for i in range(3)]
    monkeypatch.setattr(spilling, "SPILL", recordings[0]["vision"].nbytes)
    monkeypatch.setattr(batches, "SPILL", recordings[0]["vision"].nbytes)
    monkeypatch.setattr(batches, "LOOKED_AT", 7)
    spill = Spill(tmp_path)
    in_memory, mapped = to_batch(recordings, space), to_batch(recordings, space, spill)
    for one, other in zip(vars(in_memory).values(), vars(mapped).values(), strict=True):
        assert one.dtype == other.dtype and torch.equal(one, other)
    maps = [line for line in Path("/proc/self/maps").read_text().splitlines() if str(tmp_path) in line]
    assert maps and all(line.endswith("(deleted)") for line in maps) and list(tmp_path.iterdir()) == []
    index = torch.tensor([5, 0, 119])
    assert torch.equal(mapped.pick(index).vision, in_memory.pick(index).vision)
    for found, expected in zip(mean_and_deviation(mapped.vision, spill), (in_memory.vision.mean(0), in_memory.vision.std(0)), strict=True):
        assert found.dtype == torch.float32 and torch.allclose(found, expected, atol=1e-6)


def test_views_of_images_lie_on_the_disk_as_well_where_they_are_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spilling, "SPILL", 0)
    rng = np.random.default_rng(0)
    recordings = [{"views": rng.normal(size=(5, 2, 3)).astype(np.float32)} for _ in range(3)]
    views, expected = to_views(recordings, Spill(tmp_path)), to_views(recordings)
    assert views is not None and expected is not None and torch.equal(views, expected)
    assert any(str(tmp_path) in line for line in Path("/proc/self/maps").read_text().splitlines())


def test_a_disk_without_room_for_what_is_large_is_said(space: ActionSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spilling, "SPILL", 0)
    with pytest.raises(ConfigError, match="do not fit on the disk of"):
        to_batch([recording(space, 0)], space, Spill(tmp_path / "missing"))


def test_a_value_that_is_not_finite_is_refused_with_its_key_and_episode(space: ActionSpace) -> None:
    recordings = [recording(space, i, n=4) for i in range(3)]
    recordings[1]["audio"][2, 5] = np.nan
    with pytest.raises(ConfigError, match=r"'audio' .* in episodes \[1\] of 3"):
        to_batch(recordings, space)


def test_a_sample_is_drawn_as_often_as_its_weight_says_and_each_once_where_all_are_alike() -> None:
    often = torch.tensor([2.0, 1.0, 0.5, 0.5])
    counts = torch.stack([torch.cat(list(batch_indices(4, 3, seed=1, epoch=e, often=often))).bincount(minlength=4) for e in range(400)])
    assert counts.sum(1).eq(4).all() and (counts - often).abs().max() < 1.0  # rounded up or down
    assert torch.allclose(counts.double().mean(0), often.double(), atol=0.1)
    alike = torch.cat(list(batch_indices(100, 32, seed=1, epoch=2, often=torch.full((100,), 0.3))))
    assert sorted(alike.tolist()) == list(range(100))
    whole = list(batch_indices(100, 32, seed=1, epoch=2, often=torch.arange(100.0)))
    rest = list(batch_indices(100, 32, seed=1, epoch=2, skip=2, often=torch.arange(100.0)))
    assert [b.tolist() for b in rest] == [b.tolist() for b in whole[2:]]
