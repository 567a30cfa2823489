"""Stream buffers and the observation that is built from them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neon_control.core.common.errors import ConfigError, ObservationError
from neon_control.core.sensing.observation import AudioBuffer, Clip, ImageBuffer, JointStateBuffer, MaxAge, ObservationBuilder

MS = 1_000_000
S = 1_000_000_000
IMAGE = np.zeros((4, 6, 3), np.uint8)


class TestJointStateBuffer:
    @given(
        slope=st.floats(-3.0, 3.0),
        offset=st.floats(-3.0, 3.0),
        steps=st.lists(st.integers(1, 20), min_size=2, max_size=40),
        part=st.floats(0.0, 1.0),
    )
    def test_a_joint_that_moves_evenly_is_interpolated_exactly(self, slope: float, offset: float, steps: list[int], part: float) -> None:
        stamps = S + np.cumsum(steps) * MS
        buffer = JointStateBuffer(["a"])
        for stamp in stamps.tolist():
            buffer.add(stamp, ["a"], [offset + slope * stamp / S])
        asked = round(stamps[0] + part * (stamps[-1] - stamps[0]))
        assert buffer.at(asked)[0] == pytest.approx(offset + slope * asked / S, abs=1e-6)

    @given(st.permutations(["a", "b", "c", "not ours"]))
    def test_joints_are_found_by_name_in_any_order(self, names: list[str]) -> None:
        values = {"a": 1.0, "b": 2.0, "c": 3.0, "not ours": np.nan}
        buffer = JointStateBuffer(["c", "a", "b"])
        buffer.add(1, names, [values[n] for n in names])
        buffer.add(2, names[::-1], [values[n] for n in names[::-1]])
        assert buffer.at(1).tolist() == buffer.at(2).tolist() == [3.0, 1.0, 2.0]

    def test_outside_the_span_the_nearest_state_answers_within_the_tolerance_only(self) -> None:
        buffer = JointStateBuffer(["a"], tolerance_s=0.05)
        buffer.add(S, ["a"], [1.0])
        buffer.add(2 * S, ["a"], [2.0])
        assert buffer.at(S - 50 * MS)[0] == 1.0
        assert buffer.at(2 * S + 50 * MS)[0] == 2.0
        with pytest.raises(ObservationError, match=r"0\.051 s before the oldest.*limit 0\.050"):
            buffer.at(S - 51 * MS)
        with pytest.raises(ObservationError, match=r"0\.051 s after the newest"):
            buffer.at(2 * S + 51 * MS)

    def test_old_states_are_forgotten(self) -> None:
        buffer = JointStateBuffer(["a"], horizon_s=1.0, tolerance_s=0.0)
        for i in range(40):
            buffer.add(i * 100 * MS, ["a"], [float(i)])
        assert buffer.at(2900 * MS)[0] == 29.0
        with pytest.raises(ObservationError, match="before the oldest"):
            buffer.at(2899 * MS)

    def test_a_late_message_is_dropped_and_counted_but_a_reset_clock_starts_over(self) -> None:
        buffer = JointStateBuffer(["a"])
        buffer.add(10 * S, ["a"], [1.0])
        buffer.add(10 * S - 100 * MS, ["a"], [5.0])
        assert buffer.late == 1 and buffer.latest()[1][0] == 1.0
        buffer.add(1 * S, ["a"], [7.0])
        assert buffer.latest()[0] == S and buffer.latest()[1][0] == 7.0

    @pytest.mark.parametrize(
        ("names", "positions", "text"),
        [
            (["a"], [1.0], r"no position of \['b'\]"),
            (["a", "b"], [1.0, np.nan], r"\['b'\] is not finite"),
            (["a", "b"], [1.0, np.inf], r"\['b'\] is not finite"),
            (["a", "b"], [1.0], "2 names but positions of shape"),
            (["a", "b"], [], "2 names but positions of shape"),
        ],
    )
    def test_unusable_messages_are_refused_and_change_nothing(self, names: list[str], positions: list[float], text: str) -> None:
        buffer = JointStateBuffer(["a", "b"])
        buffer.add(1, ["a", "b"], [1.0, 2.0])
        with pytest.raises(ObservationError, match=text) as error:
            buffer.add(2, names, positions)
        assert error.value.inputs == ("joint_states",)
        assert buffer.latest_stamp == 1

    def test_a_message_without_joints_is_refused_also_as_the_first_one(self) -> None:
        buffer = JointStateBuffer(["a"])
        with pytest.raises(ObservationError, match=r"no position of \['a'\]"):
            buffer.add(1, [], [])
        assert buffer.latest_stamp is None

    def test_where_states_are_missing_the_nearest_one_answers_within_the_tolerance_only(self) -> None:
        """The wound: after a second without joint states, positions were made up from a state of before."""
        buffer = JointStateBuffer(["a"], tolerance_s=0.05, gap_s=0.2)
        for stamp, position in ((S, 0.0), (S + 200 * MS, 2.0), (2 * S, 10.0)):
            buffer.add(stamp, ["a"], [position])
        assert buffer.at(S + 100 * MS)[0] == pytest.approx(1.0)
        assert buffer.at(S + 250 * MS)[0] == 2.0 and buffer.at(2 * S - 50 * MS)[0] == 10.0 and buffer.at(2 * S)[0] == 10.0
        with pytest.raises(ObservationError, match=r"0\.100 s from the nearest of 3 states, limit 0\.050"):
            buffer.at(2 * S - 100 * MS)

    def test_an_empty_buffer_says_so(self) -> None:
        buffer = JointStateBuffer(["a"])
        assert buffer.latest_stamp is None
        for ask in (buffer.latest, lambda: buffer.at(0)):
            with pytest.raises(ObservationError, match="nothing received"):
                ask()

    def test_what_comes_out_is_the_callers_to_change(self) -> None:
        buffer = JointStateBuffer(["a"])
        buffer.add(1, ["a"], [1.0])
        buffer.at(1)[0] = 9.0
        buffer.latest()[1][0] = 9.0
        assert buffer.at(1)[0] == 1.0


class TestAudioBuffer:
    @given(blocks=st.lists(st.integers(1, 2000), min_size=1, max_size=60), jitter=st.lists(st.integers(-40, 40), min_size=60, max_size=60))
    def test_blocks_that_arrive_with_jitter_are_put_together_without_a_seam(self, blocks: list[int], jitter: list[int]) -> None:
        total = sum(blocks)
        signal = np.sin(0.01 * np.arange(total)).astype(np.float32)
        buffer, start = AudioBuffer(horizon_s=1.0), 0
        for size, late in zip(blocks, jitter, strict=False):
            end = start + size
            buffer.add(10 * S + end * S // 16000 + (late * MS if start else 0), signal[start:end])
            start = end
        assert buffer.gaps == 0
        kept = min(total, 16000)
        window = buffer.window(buffer.latest_stamp or 0, 1.0)
        np.testing.assert_array_equal(window[16000 - kept :], signal[total - kept :])
        assert not window[: 16000 - kept].any()

    @given(shift=st.integers(0, 16000), size=st.integers(1, 16000))
    def test_a_window_ends_at_the_asked_time(self, shift: int, size: int) -> None:
        signal = np.arange(1, 32001, dtype=np.float32)
        buffer = AudioBuffer(horizon_s=2.0)
        buffer.add(20 * S, signal)
        window = buffer.window(20 * S - shift * S // 16000, size / 16000)
        stop = 32000 - shift
        np.testing.assert_array_equal(window, signal[max(0, stop - size) : stop])

    def test_a_window_in_the_future_ends_with_the_newest_sample(self) -> None:
        buffer = AudioBuffer()
        buffer.add(S, np.ones(160, np.float32))
        window = buffer.window(S + 20 * MS, 0.02)
        assert window.tolist() == [0.0] * 160 + [1.0] * 160

    def test_a_window_before_everything_is_silent(self) -> None:
        buffer = AudioBuffer()
        assert not buffer.window(0, 0.1).any()
        buffer.add(S, np.ones(160, np.float32))
        assert not buffer.window(S // 2, 0.1).any()

    def test_lost_sound_becomes_silence_of_the_same_length(self) -> None:
        buffer = AudioBuffer()
        buffer.add(S, np.ones(1600, np.float32))
        buffer.add(S + 500 * MS, np.ones(1600, np.float32))  # 0.4 s are missing
        assert buffer.gaps == 1 and buffer.latest_stamp == S + 500 * MS
        window = buffer.window(S + 500 * MS, 0.6)
        assert window.tolist() == [1.0] * 1600 + [0.0] * 6400 + [1.0] * 1600

    def test_after_a_reset_of_time_nothing_old_is_heard(self) -> None:
        buffer = AudioBuffer()
        buffer.add(100 * S, np.ones(16000, np.float32))
        buffer.add(S, np.full(160, 0.5, np.float32))
        assert buffer.window(S, 0.1).tolist() == [0.0] * 1440 + [0.5] * 160

    def test_sixteen_bit_samples_become_floats_below_one(self) -> None:
        buffer = AudioBuffer()
        buffer.add(S, np.array([-32768, 0, 16384, 32767], np.int16))
        assert buffer.window(S, 4 / 16000).tolist() == [-1.0, 0.0, 0.5, 32767 / 32768]

    @pytest.mark.parametrize("block", [np.zeros((2, 160), np.int16), np.zeros(160, np.float64), np.full(160, np.nan, np.float32)])
    def test_unusable_blocks_are_refused(self, block: np.ndarray) -> None:
        buffer = AudioBuffer()
        with pytest.raises(ObservationError, match="audio") as error:
            buffer.add(S, block)
        assert error.value.inputs == ("audio",) and buffer.latest_stamp is None


class TestImageBuffer:
    def test_the_newest_stamp_wins_and_late_images_are_counted(self) -> None:
        buffer = ImageBuffer()
        assert buffer.newest is None
        for stamp in (2 * S, 2 * S - 10 * MS, 2 * S):
            buffer.add(stamp, IMAGE)
        assert buffer.late == 2 and buffer.newest is not None and buffer.newest[0] == 2 * S
        buffer.add(S, IMAGE)  # time was reset
        assert buffer.newest[0] == S

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
        builder = ObservationBuilder(["a"], use_audio=False, clip=Clip(3, 10.0))
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
        builder.look_at(Clip(4, 10.0))
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
