"""What is made can be read, with the stamp, the shape and the numbers that were given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from neon_control.core.sensing.image import raw_image
from neon_control.recordings.bag import making
from neon_control.recordings.bag.messages import deserialise, stamp_of, velocity_of

STAMP = 12 * 10**9 + 345


def read(kind: str, data: bytes) -> Any:
    return deserialise(making.types(), kind, data)


def test_an_image_comes_back_pixel_by_pixel_also_where_it_is_a_view_of_another() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    for part in (pixels, np.rot90(pixels), pixels[:, ::-1]):
        message = read(making.IMAGE, making.image(STAMP, part, "camera_link"))
        assert (stamp_of(message), message.header.frame_id) == (STAMP, "camera_link")
        image = raw_image(message, "camera")
        np.testing.assert_array_equal(image() if callable(image) else image, part)


def test_numbers_come_back_as_they_are() -> None:
    state = read(making.JOINT_STATE, making.joint_state(STAMP, ("a", "b"), np.array([0.1, np.pi])))
    assert (stamp_of(state), state.name, state.position.tolist(), state.velocity.tolist()) == (STAMP, ["a", "b"], [0.1, np.pi], [])
    command = read(making.TRAJECTORY, making.trajectory(STAMP, ["a"], np.float32([0.5])))
    (point,) = command.points
    assert (stamp_of(command), command.joint_names, point.positions.tolist(), point.time_from_start.sec) == (STAMP, ["a"], [0.5], 0)
    base = read(making.TWIST, making.twist(STAMP, np.array([0.1, 0.2, 0.3])))
    assert stamp_of(base) == STAMP and velocity_of(base) == pytest.approx([0.1, 0.2, 0.3])
    assert read(making.SOUND, making.sound(np.arange(-2, 3, dtype=np.int16))).data.tolist() == [-2, -1, 0, 1, 2]
    assert read(making.TEXT, making.text("red")).data == "red"
