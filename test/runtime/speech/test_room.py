"""A loop of speech: no click where it joins itself, no clipping, noise that never stops."""

from __future__ import annotations

import numpy as np

from neon_control.runtime.speech.room import PEAK, background, repeated, take, to_int16


def test_a_loop_is_as_long_as_speech_and_gap_and_its_echo_wraps_around() -> None:
    samples = (8000 * np.sin(np.arange(6000) / 7)).astype(np.int16)
    for seed in range(20):
        loop = repeated(np.random.default_rng(seed), samples, 900)
        assert loop.shape == (6900,) and loop.dtype == np.float32
        assert 0.0 < np.abs(loop).max() <= PEAK + 1e-6
    assert np.abs(loop[6000:]).max() > 0.0, "the room answers in the gap"


def test_the_background_joins_its_own_start_and_a_microphone_cuts_what_is_too_loud() -> None:
    noise = background(np.random.default_rng(3))
    steps = np.abs(np.diff(take(noise, 0, 2 * len(noise))))
    assert steps[len(noise) - 1] <= steps.max() and np.array_equal(take(noise, len(noise) - 2, 4), [*noise[-2:], *noise[:2]])
    assert to_int16(np.array([-2.0, 0.0, 0.5, 2.0])).tolist() == [-32768, 0, 16384, 32767]
