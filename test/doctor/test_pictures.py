import numpy as np
import pytest

from neon_control.core.common.errors import ObservationError
from neon_control.doctor.pictures import CameraLook, chosen_rows, part_means
from neon_control.recordings.observer import UNSEEN

SECOND = 1_000_000_000
DRAW = np.random.default_rng(0)
SCENE = DRAW.integers(0, 255, (48, 64, 3), dtype=np.uint8)


def look(images: list[np.ndarray], places: int | None = None, thumbnails: bool = False) -> CameraLook:
    """Images of 10 Hz."""
    taken = CameraLook(0, len(images) * SECOND // 10, places, thumbnails)
    for number, image in enumerate(images):
        taken.take(number * SECOND // 10, image)
    return taken


def always(one: int, two: int) -> bool:
    return True


def never(one: int, two: int) -> bool:
    return False


def moving(count: int) -> list[np.ndarray]:
    return [np.roll(SCENE, 3 * i, axis=1) for i in range(count)]


def test_a_camera_that_freezes_in_the_middle_is_frozen_for_half_of_the_time_in_which_the_robot_moves() -> None:
    images = moving(50) + [moving(50)[-1]] * 50
    assert look(images).figures(always, always).frozen == pytest.approx(0.5, abs=0.05)
    assert look(images, places=20).figures(always, always).frozen == pytest.approx(0.5, abs=0.06)
    assert look(images).figures(always, always).repeated == pytest.approx(50 / 99)
    still = look(images).figures(never, never)
    assert np.isnan(still.frozen) and still.repeated == 0.0, "what stands still looks the same"


def test_noise_of_a_sensor_is_no_picture_that_changes_and_no_picture_that_repeats() -> None:
    noisy = [np.clip(SCENE // 2 + 60 + DRAW.normal(0.0, 2.0, SCENE.shape), 0, 255).astype(np.uint8) for _ in range(30)]
    large = [np.kron(n, np.ones((4, 4, 1), np.uint8)) for n in noisy]
    found = look(noisy).figures(always, always)
    assert found.repeated == 0.0
    big = [np.clip(large[0] + DRAW.normal(0.0, 2.0, large[0].shape), 0, 255).astype(np.uint8) for _ in range(10)]
    assert look(big).figures(always, always).frozen == 1.0


@pytest.mark.parametrize(
    "image", [np.zeros((48, 64, 3), np.uint8), np.full((48, 64, 3), 128, np.uint8), DRAW.integers(0, 5, (48, 64, 3), np.uint8)]
)
def test_black_and_plain_images_are_blank(image: np.ndarray) -> None:
    assert look([image] * 3 + moving(9)).figures(always, always).blank == pytest.approx(0.25)
    assert look(moving(9)).figures(always, always).blank == 0.0


def test_two_images_are_decoded_at_each_place_and_no_others() -> None:
    decoded: list[int] = []

    def lazily(number: int) -> object:
        return lambda: (decoded.append(number), moving(1)[0])[1]

    taken = CameraLook(0, 10 * SECOND, 5, False)
    given = [taken.take(n * SECOND // 10, lazily(n)) for n in range(100)]  # type: ignore[arg-type]
    assert decoded == [10, 11, 30, 31, 50, 51, 70, 71, 90, 91]
    assert [n for n, image in enumerate(given) if image is not UNSEEN] == decoded
    figures = taken.figures(always, always)
    assert figures.images == 100 and figures.looked_at == 10 and figures.repeated == 1.0


def test_rows_of_a_video_are_chosen_in_pairs_and_the_last_one_shows_whether_it_ends_early() -> None:
    rows = np.flatnonzero(chosen_rows(np.arange(101) * SECOND // 10, 5)).tolist()
    assert rows == [10, 11, 30, 31, 50, 51, 70, 71, 90, 91, 100]
    assert chosen_rows(np.array([5]), 5).tolist() == [True]


def test_a_damaged_image_is_told_to_the_reader() -> None:
    def damaged() -> np.ndarray:
        raise ObservationError("no JPEG", ("camera",))

    with pytest.raises(ObservationError):
        look([damaged])  # type: ignore[list-item]


def test_the_strip_has_six_small_pictures_over_the_whole_episode() -> None:
    strip = look(moving(100), places=16, thumbnails=True).strip
    assert len(strip) == 6 and all(data.startswith(b"\xff\xd8") and len(data) < 20_000 for data in strip)
    assert look(moving(100), places=16).strip == []


def test_copies_have_the_same_content_and_other_scenes_do_not() -> None:
    assert look(moving(30)).content == look(moving(30)).content != look(moving(31)[1:]).content


def test_means_of_parts_are_those_of_the_pixels() -> None:
    assert part_means(np.full((100, 77, 3), 9, np.uint8)) == pytest.approx(np.full((12, 16, 3), 9.0))
    assert part_means(SCENE).mean() == pytest.approx(SCENE.mean(), abs=1e-3)
    assert part_means(np.full((6, 8, 3), 5, np.uint8)).shape == (12, 16, 3), "smaller than the grid"
