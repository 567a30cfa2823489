"""Observations to features and tokens, one code for training and for the robot."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from neon_control.core.common.errors import ObservationError, PolicyError
from neon_control.core.sensing.observation import Observation
from neon_control.runtime.compute.device_arrays import Array
from neon_control.runtime.compute.ort_array import OrtArray
from neon_control.runtime.encoders.backbone import Backbone, BackboneSpec, Encoded


def encode_observations(backbone: Backbone, spec: BackboneSpec, observations: Sequence[Observation]) -> Encoded:
    """What the backbone of one camera makes of n observations that were told the same, all cameras of all of them in one batch.

    Returns:
        features (n, F): the cameras' features one after the other, in the policy's order, or their mean.
        tokens (n, T, hidden_size) and mask (n, T) float32, for a policy that reads them: those of the cameras one after the other, without
            what the backbone padded, then zeros where the mask is 0.
        All of them where the backbone left them, on a GPU or in numpy, and finished.

    Raises:
        ObservationError: an observation has another number of cameras, more tokens than T, or was told something else than the first one;
            otherwise as of `Backbone.encode`.
        PolicyError: the backbone gives no tokens, but the policy reads them.
    """
    count = max(1, len(spec.cameras))
    wrong = [len(o.clips) for o in observations if len(o.clips) != count]
    if wrong:
        raise ObservationError(f"the policy looks at {count} cameras, but the observations are of {wrong}", ("camera",))
    words = list(dict.fromkeys(spec.words(o.instruction) for o in observations))
    if len(words) > 1:
        raise ObservationError(f"a batch is told one thing, got {words}", ("instruction",))
    clips = [clip for o in observations for clip in o.clips]  # n * count
    sound = [o.audio for o in observations for _ in range(count)] if backbone.hears else []
    encoded = backbone.encode(clips, words[0], sound, tokens=spec.tokens > 0)
    features = encoded.features.reshape(len(observations), count, -1)  # (n, cameras, hidden_size)
    combined = features.mean(axis=1) if spec.combine == "average" else features.reshape(len(observations), -1)
    if not spec.tokens:
        _wait_for(combined)
        return Encoded(combined)
    if encoded.tokens is None or encoded.mask is None:
        raise PolicyError(f"the policy reads {spec.tokens} tokens, but the vision encoder {spec.encoder} gives none")
    tokens, mask = _padded(encoded.tokens, encoded.mask, len(observations), spec.tokens)
    _wait_for(mask)  # computed last, so the rest is there too
    return Encoded(combined, tokens, mask)


def _padded(tokens: Any, mask: Any, count: int, length: int) -> tuple[Any, Any]:
    """Tokens (n * cameras, S, D) and mask (n * cameras, S) to (n, T, D) and (n, T): what is real first, whatever was padded where.

    Written for what numpy and torch have in common.
    """
    zeros = partial(np.zeros, dtype=np.float32) if isinstance(tokens, np.ndarray) else tokens.new_zeros
    out, real = zeros((count, length, tokens.shape[-1])), zeros((count, length))
    rows, masks = tokens.reshape(count, -1, tokens.shape[-1]), mask.reshape(count, -1)
    for i, (row, kept) in enumerate(zip(rows, masks, strict=True)):
        number = int(kept.sum())
        if number > length:
            raise ObservationError(
                f"the backbone gives {number} tokens for these images, but the policy reads at most {length}; "
                "another image size than in training?",
                ("camera",),
            )
        out[i, :number], real[i, :number] = row[kept], 1.0
    return out, real


def _wait_for(values: Array) -> None:
    """Return when a tensor is computed: torch does not wait for a GPU, unless the CPU asks for a value, here for one of them."""
    if not isinstance(values, (np.ndarray, OrtArray)):
        values.reshape(-1)[:1].cpu()  # type: ignore[index]
