"""Several cameras to one vector and one row of tokens, wherever the backbone left them: in numpy, in torch, or with ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from graphs import ort_array

from neon_control.core.common.errors import ObservationError
from neon_control.core.sensing.observation import Observation
from neon_control.runtime.compute.device_arrays import Array, to_numpy
from neon_control.runtime.encoders.backbone import Backbone, BackboneSpec, Encoded
from neon_control.runtime.encoders.encoding import encode_observations

CAMERAS = ("head", "wrist")
SPEC = BackboneSpec("ruler", "1", 4, cameras=CAMERAS)
PLACES = {"numpy": np.asarray, "torch": torch.from_numpy, "onnxruntime": ort_array}


class Ruler(Backbone):
    """As many tokens as an image is wide, each holding its column's brightness; a batch is padded on the left, as some tokenizers do.

    The features are the first and the last column. `place` says where all of it is.
    """

    name, revision, hidden_size = "ruler", "1", 2

    def __init__(self, place: Callable[[np.ndarray], Array] = np.asarray) -> None:
        self.place = place

    def encode(
        self, clips: Sequence[Sequence[np.ndarray]], instruction: str = "", audio: Sequence[np.ndarray] = (), tokens: bool = False
    ) -> Encoded:
        columns = [clip[-1][0, :, :1].astype(np.float32) for clip in clips]
        features = self.place(np.stack([c[[0, -1], 0] for c in columns]))
        if not tokens:
            return Encoded(features)
        longest = max(map(len, columns))
        padded = np.stack([np.pad(c, ((longest - len(c), 0), (0, 0)), constant_values=99.0) for c in columns])
        mask = np.stack([np.arange(longest) >= longest - len(c) for c in columns])
        return Encoded(features, self.place(padded), self.place(mask))


def ruler(*rows: Sequence[int]) -> Observation:
    """One camera for each row of brightnesses."""
    clips = {name: (np.repeat(np.array(row, np.uint8)[None, :, None], 3, axis=2),) for name, row in zip(CAMERAS, rows, strict=False)}
    return Observation.of_clips(0, clips, np.zeros(0), np.zeros(0, np.float32))


SEEN = [ruler([1, 2], [3, 4, 5]), ruler([6, 7, 8, 9], [10])]


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_cameras_are_concatenated_in_the_policy_s_order_where_their_features_are(place: Callable[[np.ndarray], Array]) -> None:
    features = encode_observations(Ruler(place), SPEC, SEEN).features
    assert type(features) is type(place(np.zeros((1, 2), np.float32)))
    assert to_numpy(features).tolist() == [[1, 2, 3, 5], [6, 9, 10, 10]]


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_cameras_are_averaged_where_their_features_are(place: Callable[[np.ndarray], Array]) -> None:
    features = encode_observations(Ruler(place), replace(SPEC, combine="average"), SEEN).features
    assert type(features) is type(place(np.zeros((1, 2), np.float32)))
    assert to_numpy(features).tolist() == [[2, 3.5], [8, 9.5]]


@pytest.mark.parametrize("place", [np.asarray, torch.from_numpy])
def test_the_cameras_tokens_follow_each_other_and_padding_comes_last_whatever_else_is_in_the_batch(
    place: Callable[[np.ndarray], Array],
) -> None:
    spec = replace(SPEC, tokens=6)
    encoded = encode_observations(Ruler(place), spec, SEEN)
    assert encoded.tokens is not None and encoded.mask is not None
    assert type(encoded.tokens) is type(encoded.mask) is type(place(np.zeros(1)))
    tokens, mask = to_numpy(encoded.tokens), to_numpy(encoded.mask)
    assert tokens[..., 0].tolist() == [[1, 2, 3, 4, 5, 0], [6, 7, 8, 9, 10, 0]]
    assert mask.tolist() == [[1.0] * 5 + [0.0]] * 2 and tokens.dtype == mask.dtype == np.float32
    alone = encode_observations(Ruler(place), spec, SEEN[:1])
    assert np.array_equal(to_numpy(alone.tokens), tokens[:1])
    assert encode_observations(Ruler(place), SPEC, SEEN).tokens is None
    with pytest.raises(ObservationError, match=r"gives 7 tokens for these images, but the policy reads at most 6"):
        encode_observations(Ruler(place), spec, [ruler([1, 2, 3], [1, 2, 3, 4])])


def test_a_batch_is_told_one_thing_and_the_policy_s_own_words_stand_in_for_nothing() -> None:
    told: list[str] = []

    class Reader(Ruler):
        def encode(
            self, clips: Sequence[Sequence[np.ndarray]], instruction: str = "", audio: Sequence[np.ndarray] = (), tokens: bool = False
        ) -> Encoded:
            told.append(instruction)
            return super().encode(clips, instruction, audio, tokens)

    go, nothing = replace(SEEN[0], instruction="go"), SEEN[0]
    tasks = replace(SPEC, tasks=True, instruction="wait")
    for spec, seen in ((tasks, go), (tasks, nothing), (replace(tasks, tasks=False), go), (SPEC, go)):
        encode_observations(Reader(), spec, [seen])
    assert told == ["go", "wait", "wait", ""], "old policies read what they always read"
    with pytest.raises(ObservationError, match="a batch is told one thing"):
        encode_observations(Reader(), tasks, [go, nothing])
