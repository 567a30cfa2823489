"""Stream buffers and the observation that is built from them."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neon_control.core.common.errors import ConfigError, ObservationError
from neon_control.core.sensing.image_buffer import Clip, ImageBuffer
from neon_control.core.sensing.observation import MaxAge, ObservationBuilder
from neon_control.core.sensing.witnesses import Witnesses

MS = 1_000_000
S = 1_000_000_000
IMAGE = np.zeros((4, 6, 3), np.uint8)


class TestImageBuffer:
    def test_the_newest_stamp_wins_and_late_images_are_counted(self) -> None:
        buffer = ImageBuffer()
        assert buffer.at() is None
        for stamp in (2 * S, 2 * S - 10 * MS, 2 * S):
            buffer.add(stamp, IMAGE)
        assert buffer.late == 2 and buffer.latest_stamp == 2 * S
        buffer.add(S, IMAGE)  # time was reset
        assert buffer.latest_stamp == S

    def test_the_frames_of_a_clip_are_those_nearest_to_their_times(self) -> None:
        buffer = _camera(ImageBuffer(horizon_s=1.0), 0, 67, 133, 200)
        assert _marks(buffer.frames(200 * MS, 3, 10.0)) == [0, 67, 200]
        assert _marks(buffer.frames(133 * MS, 2, 15.0)) == [67, 133]
        assert _marks(buffer.frames(200 * MS, 1, 10.0)) == [200]

    @given(
        period=st.integers(20, 100),
        jitter=st.lists(st.integers(-9, 9), min_size=60, max_size=60),
        count=st.integers(1, 8),
        skip=st.integers(1, 3),
    )
    def test_every_frame_lies_within_half_a_camera_period_of_its_time(self, period: int, jitter: list[int], count: int, skip: int) -> None:
        clip = Clip(count, 1000.0 / (period * skip))
        stamps = [i * period + j for i, j in enumerate(jitter)]
        buffer = _camera(ImageBuffer(clip.horizon_s), *stamps)
        got = _marks(buffer.frames(stamps[-1] * MS, count, clip.rate_hz))
        wanted = [stamps[-1] - (count - 1 - i) * period * skip for i in range(count)]
        assert got[-1] == stamps[-1]
        assert max(abs(g - w) for g, w in zip(got, wanted, strict=True)) <= period / 2 + 9

    def test_one_lost_image_does_not_silence_the_policy_but_a_hole_does(self) -> None:
        buffer = _camera(ImageBuffer(horizon_s=2.0), *(i * 100 for i in range(10) if i != 5))
        assert _marks(buffer.frames(900 * MS, 10, 10.0)) in ([*range(0, 500, 100), g, *range(600, 1000, 100)] for g in (400, 600))
        buffer = _camera(ImageBuffer(horizon_s=2.0), 0, 100, 600, 700)
        with pytest.raises(ObservationError, match=r"2 of 8 images of the clip are missing \(at 10 Hz, the first 0\.40 s ago\)") as error:
            buffer.frames(700 * MS, 8, 10.0)
        assert error.value.inputs == ("camera",)

    def test_a_clip_is_refused_until_it_is_filled(self) -> None:
        with pytest.raises(ObservationError, match="camera: nothing received"):
            ImageBuffer(1.0).frames(S, 4, 10.0)
        buffer = _camera(ImageBuffer(1.0), 1000, 1100)
        with pytest.raises(ObservationError, match=r"5 of 8 images .* the first 0\.70 s ago\); 2 are held, of the last 0\.10 s"):
            buffer.frames(1100 * MS, 8, 10.0)

    def test_only_what_a_clip_needs_is_kept(self) -> None:
        stamps = range(0, 10_000, 50)
        clip = Clip(4, 10.0)
        assert len(_camera(ImageBuffer(clip.horizon_s), *stamps)._images) == 11  # 450 ms at 20 Hz, both ends, and one older
        assert len(_camera(ImageBuffer(), *stamps)._images) == 1

    def test_an_image_is_decoded_once_and_only_if_it_is_looked_at(self) -> None:
        decoded = []
        buffer = ImageBuffer(1.0)
        for i in range(5):
            buffer.add(i * 100 * MS, lambda i=i: decoded.append(i) or np.full((4, 6, 3), i, np.uint8))
        for _ in range(2):
            buffer.frames(400 * MS, 3, 5.0)
        assert decoded == [0, 2, 4]


def _camera(buffer: ImageBuffer, *stamps: int) -> ImageBuffer:
    """Fill with images that show their stamp [ms]."""
    for stamp in stamps:
        buffer.add(stamp * MS, np.full((1, 1, 3), stamp))
    return buffer


def _marks(frames: tuple[np.ndarray, ...]) -> list[int]:
    return [int(f[0, 0, 0]) for f in frames]


@pytest.mark.parametrize("values", [(0, 10.0), (True, 10.0), (2.0, 10.0), (2, 0.0), (2, float("nan")), (2, "fast")])
def test_a_clip_without_frames_or_rate_is_refused(values: tuple[Any, Any]) -> None:
    with pytest.raises(ConfigError, match=r"Clip\.(frames|rate_hz) must be"):
        Clip(*values)


def _filled(camera: int = 10 * S, joints: int = 10 * S, audio: int = 10 * S) -> ObservationBuilder:
    builder = ObservationBuilder(["a"], MaxAge(camera=0.2, joint_states=0.1, audio=0.5))
    builder.images.add(camera, IMAGE)
    for i in range(20, -1, -1):
        builder.joint_states.add(joints - i * 5 * MS, ["a"], [(joints - i * 5 * MS) / S])
    builder.audio.add(audio, np.ones(320, np.float32))
    return builder


class TestObservationBuilder:
    def test_everything_is_taken_at_the_images_time(self) -> None:
        builder = _filled(camera=10 * S - 33 * MS)
        observation = builder.build(10 * S + 5 * MS)
        assert observation.stamp == 10 * S - 33 * MS
        assert observation.joint_positions[0] == pytest.approx(10.0 - 0.033)
        assert observation.audio.shape == (32000,) and observation.audio.dtype == np.float32
        assert observation.image is IMAGE and observation.frames == (IMAGE,)

    def test_a_clip_ends_with_the_newest_image(self) -> None:
        builder = ObservationBuilder(["a"], use_audio=False)
        builder.cameras.look_at(Clip(3, 10.0))
        for i in range(5):
            builder.images.add(S + i * 50 * MS, np.full((4, 6, 3), i, np.uint8))
        builder.joint_states.add(S + 200 * MS, ["a"], [0.0])
        observation = builder.build(S + 200 * MS)
        assert [int(f[0, 0, 0]) for f in observation.frames] == [0, 2, 4]
        assert observation.image is observation.frames[-1] and observation.stamp == S + 200 * MS

    def test_a_policy_with_a_longer_clip_waits_until_it_is_filled(self) -> None:
        builder = ObservationBuilder(["a"], use_audio=False)
        builder.joint_states.add(S, ["a"], [0.0])
        builder.images.add(S - 50 * MS, IMAGE)
        builder.images.add(S, IMAGE)
        builder.cameras.look_at(Clip(4, 10.0))
        with pytest.raises(ObservationError, match="2 of 4 images of the clip are missing"):
            builder.build(S)
        for i in range(1, 4):
            builder.images.add(S + i * 100 * MS, IMAGE)
            builder.joint_states.add(S + i * 100 * MS, ["a"], [0.0])
        assert len(builder.build(S + 300 * MS).frames) == 4

    def test_every_input_that_was_never_received_is_named(self) -> None:
        with pytest.raises(ObservationError) as error:
            ObservationBuilder(["a"]).build(S)
        assert str(error.value) == "camera: nothing received; joint_states: nothing received; audio: nothing received"
        assert error.value.inputs == ("camera", "joint_states", "audio")

    def test_stale_inputs_are_named_with_age_and_limit(self) -> None:
        with pytest.raises(ObservationError) as error:
            _filled(camera=10 * S - 410 * MS, audio=10 * S - 700 * MS).build(10 * S)
        assert str(error.value) == "camera: 0.41 s old, limit 0.2 s; audio: 0.70 s old, limit 0.5 s"
        assert error.value.inputs == ("camera", "audio")

    @given(camera=st.integers(-190, 90), joints=st.integers(-90, 90), audio=st.integers(-490, 90))
    def test_inputs_within_their_limits_are_never_refused_for_age(self, camera: int, joints: int, audio: int) -> None:
        builder = _filled(10 * S + camera * MS, 10 * S + joints * MS, 10 * S + audio * MS)
        try:
            builder.build(10 * S)
        except ObservationError as error:
            assert "the asked time is" in str(error), "joint states may still not reach the image's time"

    def test_a_stamp_from_the_future_is_refused(self) -> None:
        with pytest.raises(ObservationError, match=r"camera: stamped 0\.30 s in the future"):
            _filled(camera=10 * S + 300 * MS).build(10 * S)

    @pytest.mark.parametrize("silent", ["camera", "joint_states", "audio"])
    def test_after_the_clock_was_set_back_nothing_of_before_becomes_fresh_again(self, silent: str) -> None:
        """The wound: a recording began anew, one input was silent now, and its last message was used when its time came again."""
        builder = _filled()
        builder.build(10 * S)
        with pytest.raises(ObservationError, match=r"8\.00 s in the future"):
            builder.build(2 * S)
        for i in range(1, 9):
            now = 2 * S + i * S
            if silent != "camera":
                builder.images.add(now, IMAGE)
            if silent != "joint_states":
                builder.joint_states.add(now, ["a"], [0.0])
            if silent != "audio":
                builder.audio.add(now, np.ones(320, np.float32))
            with pytest.raises(ObservationError) as error:
                builder.build(now)
            assert error.value.inputs == (silent,)

    def test_a_joint_that_is_no_longer_reported_is_named(self) -> None:
        builder = ObservationBuilder(["a", "b", "c"], use_audio=False)
        builder.images.add(S + 290 * MS, IMAGE)
        builder.joint_states.add(S, ["a", "b"], [0.0, 0.0])
        for i in range(30):
            builder.joint_states.add(S + i * 10 * MS, ["a"], [0.0])
        with pytest.raises(ObservationError) as error:
            builder.build(S + 290 * MS)
        assert str(error.value) == "joint_states: ['b'] 0.29 s old, limit 0.2 s, ['c'] nothing received"
        assert error.value.inputs == ("joint_states",)

    def test_a_joint_from_the_future_is_named_though_the_others_are_fresh(self) -> None:
        builder = ObservationBuilder(["a", "b"], use_audio=False)
        builder.images.add(S, IMAGE)
        builder.joint_states.add(S, ["a"], [0.0])
        builder.joint_states.add(3 * S, ["b"], [0.0])
        with pytest.raises(ObservationError, match=r"joint_states: \['b'\] stamped 2\.00 s in the future"):
            builder.build(S)

    def test_two_clocks_are_told_apart_from_age(self) -> None:
        with pytest.raises(ObservationError, match="check use_sim_time"):
            _filled().build(1_700_000_000 * S)

    def test_a_message_without_a_stamp_is_not_taken_for_simulated_time(self) -> None:
        with pytest.raises(ObservationError, match=r"camera: stamped 0\.0 s, .*; its sender gives no stamp"):
            _filled(camera=0).build(1_700_000_000 * S)

    def test_before_the_clock_runs_there_is_no_observation(self) -> None:
        with pytest.raises(ObservationError, match="/clock") as error:
            _filled().build(0)
        assert error.value.inputs == ("clock",)

    def test_a_policy_that_does_not_listen_needs_no_audio(self) -> None:
        builder = ObservationBuilder(["a"], use_audio=False)
        builder.images.add(S, IMAGE)
        builder.joint_states.add(S, ["a"], [0.0])
        assert builder.build(S).audio.shape == (0,)


def test_joints_in_doubt_are_no_input_and_are_named() -> None:
    """The wound: of two publishers of the same joints, the policy saw now one and now the other."""
    two = np.full(2, 2.0)
    builder = ObservationBuilder(["a", "b"], use_audio=False, witnesses=Witnesses(["a", "b"], -two, two, two))
    for k in range(50):
        stamp = S + 10 * k * MS
        for source, position in ((b"\x0a", 1.5), (b"\x0b", 0.0)):
            with contextlib.suppress(ObservationError):
                builder.joint_states.add(stamp, ["a", "b"], [position, 0.0], source, stamp)
        builder.images.add(stamp, IMAGE)
        with pytest.raises(ObservationError, match=r"joint_states: a, b: a is \d.\d00 by 0. and \d.\d00 by 0."):
            builder.build(stamp)


def test_joint_states_are_believed_once_they_agree_for_a_while() -> None:
    two = np.full(1, 2.0)
    builder = ObservationBuilder(["a"], use_audio=False, witnesses=Witnesses(["a"], -two, two, two))
    for k in range(10):
        builder.joint_states.add(S + 10 * k * MS, ["a"], [0.5], b"\x0a", S + 10 * k * MS)
        builder.images.add(S + 10 * k * MS, IMAGE)
        assert (builder.joint_states.newest_stamps[0][1] is not None) and not builder.joint_states.doubted
        if k < 5:
            with pytest.raises(ObservationError, match="nothing received"):
                builder.build(S + 10 * k * MS)
        else:
            assert builder.build(S + 10 * k * MS).joint_positions.tolist() == [0.5]


def test_words_are_spoken_only_where_there_never_was_sound() -> None:
    said: list[tuple[str, int]] = []

    def voice(words: str, stamp: int) -> np.ndarray:
        said.append((words, stamp))
        return np.ones(32000, np.float32)

    filled = _filled()
    heard, mute = filled.audio, type(filled.audio)()
    filled.voice, filled.instruction = voice, "go"
    assert filled.build(10 * S).instruction == "go" and said == [], "there is a microphone"
    filled.audio = mute
    assert filled.build(10 * S).audio.all() and said == [("go", 10 * S)]
    filled.instruction = ""
    with pytest.raises(ObservationError, match="audio: nothing received"):
        filled.build(10 * S)
    filled.audio, filled.instruction = heard, "go"
    filled.images.add(13 * S, IMAGE)
    filled.joint_states.add(13 * S, filled.joint_states.joint_names, [0.0] * len(filled.joint_states.joint_names))
    with pytest.raises(ObservationError, match="audio: ") as error:
        filled.build(13 * S)
    assert error.value.inputs == ("audio",) and len(said) == 1, "a microphone that has failed is not replaced"
    filled.use_audio = False
    assert filled.build(13 * S).audio.size == 0
