"""Several cameras: whose image is taken, and what is said when one is missing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neon_control.core.common.errors import ObservationError
from neon_control.core.sensing.cameras import MAX_SKEW_S, SKEW, TOLERANCE_S, Cameras
from neon_control.core.sensing.image_buffer import Clip
from neon_control.core.sensing.observation import MaxAge, Observation, ObservationBuilder

MS = 1_000_000
S = 1_000_000_000
NAMES = ("head", "wrist", "floor")


def show(cameras: Cameras, camera: str, *stamps: int) -> None:
    """Images that show their stamp [ms]."""
    for stamp in stamps:
        cameras.buffers[camera].add(stamp * MS, np.full((1, 1, 3), stamp))


def builder(**stamps: tuple[int, ...]) -> ObservationBuilder:
    """Of the head and the wrist, with images of these stamps [ms] and nothing else needed."""
    made = ObservationBuilder([], MaxAge(camera=0.2), use_audio=False, cameras=NAMES)
    made.cameras.look_at(Clip(), ("head", "wrist"))
    for camera, times in stamps.items():
        show(made.cameras, camera, *times)
    return made


def marks(observation: Observation) -> list[list[int]]:
    return [[int(image[0, 0, 0]) for image in clip] for clip in observation.clips]


def test_the_first_camera_gives_the_time_and_the_other_its_newest_image_until_then() -> None:
    observation = builder(head=(1067, 1133), wrist=(1060, 1100, 1140, 1180)).build(1200 * MS, use_joints=False)
    assert observation.stamp == 1133 * MS and marks(observation) == [[1133], [1140]]
    assert list(observation.others) == ["wrist"]


@given(
    periods=st.tuples(st.integers(10, 90), st.integers(10, 90)),
    offset=st.integers(0, 90),
    until=st.integers(200, 900),
)
def test_at_any_two_rates_the_other_image_is_the_newest_within_the_tolerance(periods: tuple[int, int], offset: int, until: int) -> None:
    stamps = {name: range(1000 + i * offset, 1000 + until, period) for i, (name, period) in enumerate(zip(NAMES, periods, strict=False))}
    made = builder()
    for stamp, name in sorted((stamp, name) for name, all_stamps in stamps.items() for stamp in all_stamps):  # as they would arrive
        show(made.cameras, name, stamp)
    observation = made.build((1000 + until) * MS, use_joints=False)
    newest = stamps["head"][-1]
    assert marks(observation) == [[newest], [max(s for s in stamps["wrist"] if s <= newest + 1e3 * TOLERANCE_S)]]


def test_clips_of_two_cameras_end_with_the_images_that_belong_together() -> None:
    made = builder()
    made.cameras.look_at(Clip(3, 10.0), ("wrist", "head"))
    for stamp in range(1000, 1500, 50):
        show(made.cameras, "wrist", stamp)
        if stamp % 100 == 0:
            show(made.cameras, "head", stamp + 30)
    observation = made.build(1500 * MS, use_joints=False)
    assert observation.stamp == 1450 * MS and marks(observation) == [[1250, 1350, 1450], [1230, 1330, 1430]]
    assert observation.image is observation.frames[-1] and len(observation.clip) == 3


def test_a_camera_that_never_sent_anything_is_named() -> None:
    with pytest.raises(ObservationError) as error:
        builder(head=(1000,), floor=(1000,)).build(1000 * MS, use_joints=False)
    assert str(error.value) == "camera_wrist: nothing received" and error.value.inputs == ("camera_wrist",)
    with pytest.raises(ObservationError) as error:
        builder().build(1000 * MS, use_joints=False)
    assert error.value.inputs == ("camera_head", "camera_wrist")


def test_a_camera_that_fell_silent_is_named_with_age_and_limit() -> None:
    with pytest.raises(ObservationError) as error:
        builder(head=(1700,), wrist=(1290,)).build(1700 * MS, use_joints=False)
    assert str(error.value) == "camera_wrist: 0.41 s old, limit 0.2 s" and error.value.inputs == ("camera_wrist",)


def test_a_hole_is_noticed_though_newer_images_have_come() -> None:
    with pytest.raises(ObservationError, match=r"camera_wrist: 0\.25 s old"):
        builder(head=(1200,), wrist=(1000, 1230)).build(1250 * MS, use_joints=False)


def test_an_image_that_is_too_new_is_not_taken_for_an_old_one() -> None:
    with pytest.raises(ObservationError) as error:
        builder(head=(1000,), wrist=(1080,)).build(1100 * MS, use_joints=False)
    assert str(error.value) == "camera_wrist: its image is 0.08 s later than that of camera_head, limit 0.02 s"
    assert error.value.inputs == (SKEW,)


def test_images_further_apart_than_allowed_are_refused_and_how_far_apart_they_are_is_known() -> None:
    made = ObservationBuilder([], MaxAge(camera=1.0), use_audio=False, cameras=NAMES, max_skew=0.05)
    made.cameras.look_at(Clip(), ("head", "wrist", "floor"))
    show(made.cameras, "head", 2000)
    show(made.cameras, "floor", 2010)
    show(made.cameras, "wrist", 1950)
    assert made.build(2000 * MS, use_joints=False).skew == 0.05, "exactly the limit is allowed"
    show(made.cameras, "head", 2055)
    with pytest.raises(ObservationError) as error:
        made.build(2100 * MS, use_joints=False)
    assert str(error.value) == "camera_wrist: its image is 0.105 s older than that of camera_head, limit 0.05 s"
    assert error.value.inputs == (SKEW,)
    show(made.cameras, "wrist", 2010, 2090)
    assert made.build(2100 * MS, use_joints=False).skew == 0.045
    assert builder(head=(1000,)).cameras.skew({}) == 0.0


def test_an_old_image_of_the_first_camera_finds_those_of_its_time_as_long_as_it_is_allowed() -> None:
    made = ObservationBuilder([], MaxAge(camera=0.5), use_audio=False, cameras=NAMES, max_skew=0.03)
    made.cameras.look_at(Clip(), ("head", "wrist"))
    show(made.cameras, "head", 1000)
    show(made.cameras, "wrist", *range(980, 1500, 40))
    assert marks(made.build(1490 * MS, use_joints=False)) == [[1000], [1020]]


def test_the_tolerance_is_no_larger_than_what_is_allowed() -> None:
    cameras = Cameras(NAMES, max_skew_s=0.005)
    cameras.look_at(Clip(), ("head", "wrist"))
    show(cameras, "head", 1000)
    show(cameras, "wrist", 996, 1006)
    assert cameras.skew(cameras.pick()) == 0.004
    assert MaxAge().camera == MAX_SKEW_S, "without settings, as before there was a limit of its own"


def test_a_policy_that_names_no_camera_sees_the_robots_first_one() -> None:
    made = ObservationBuilder([], use_audio=False, cameras=NAMES)
    show(made.cameras, "head", 1000)
    assert marks(made.build(1000 * MS, use_joints=False)) == [[1000]]
    with pytest.raises(ObservationError, match=r"no camera \['back'\]; the robot has \['head', 'wrist', 'floor'\]"):
        made.cameras.look_at(Clip(), ("head", "back"))
    assert made.cameras.used == ("head",), "a refused change changes nothing"


def test_late_and_skipped_images_are_counted_for_each_camera() -> None:
    made = builder(head=(1000, 1050, 1040, 1100), wrist=(1000, 1090))
    made.build(1100 * MS, use_joints=False)
    show(made.cameras, "wrist", 1300, 1600, 1900)
    head, wrist = (made.cameras.buffers[name] for name in ("head", "wrist"))
    assert (head.late, head.skipped) == (1, 2), "of 1000 and 1050; the newest was taken"
    assert (wrist.late, wrist.skipped) == (0, 2), "of 1000 and 1300; 1090 was taken, and the newer ones may still be"


def test_a_further_camera_gives_a_clip_of_its_own_images_and_is_missed_where_it_has_none() -> None:
    cameras = Cameras(NAMES)
    cameras.look_at(Clip(2, 10.0), ("head", "wrist"))
    show(cameras, "head", *range(1000, 1600, 100))
    show(cameras, "wrist", *range(1110, 1600, 50))
    assert [int(i[0, 0, 0]) for i in cameras.clips(cameras.pick())["wrist"]] == [1410, 1510], "10 ms later is near enough"
    cameras.look_at(Clip(), ("head", "floor"))
    with pytest.raises(ObservationError, match="camera_floor: nothing received"):
        cameras.clips(cameras.pick())
