"""Which topics a robot's cameras are subscribed on, and what their messages become."""

from __future__ import annotations

import numpy as np
import pytest
from sensor_msgs.msg import CompressedImage, Image

from neon_control.core.common.errors import ObservationError
from neon_control.core.common.statistics import Statistics
from neon_control.core.robot.camera import Camera
from neon_control.core.robot.view import Crop
from neon_control.core.sensing.cameras import Cameras
from neon_control.core.sensing.image_buffer import Clip
from neon_control.core.sensing.image_kind import ImageKind
from neon_control.nodes.camera_topics import CameraTopics
from neon_control.runtime.policy.likeness import Likeness, shares

HEAD, WRIST = Camera("head", "head/image"), Camera("wrist", "/wrist/image", "compressed")


def topics(cameras: tuple[Camera, ...], transport: str) -> list[tuple[type, str, str]]:
    made = CameraTopics(cameras, transport, Cameras([c.name for c in cameras]), Statistics(), lambda: None)
    return [(kind, topic, name) for kind, topic, _, name in made]


def test_the_parameter_decides_where_the_robot_file_does_not() -> None:
    assert topics((Camera(),), "raw") == [(Image, "camera/image_raw", "camera")]
    assert topics((Camera(),), "compressed") == [(CompressedImage, "camera/image_raw/compressed", "camera")]
    wrist = (CompressedImage, "/wrist/image/compressed", "camera_wrist")
    assert topics((HEAD, WRIST), "raw") == [(Image, "head/image", "camera_head"), wrist]
    assert topics((HEAD, WRIST), "compressed") == [(CompressedImage, "head/image/compressed", "camera_head"), wrist]
    assert topics((Camera("head", "a", "raw"),), "compressed") == [(Image, "a", "camera_head")]


def test_what_is_seen_of_a_camera_is_what_the_robot_file_says_and_an_unknown_encoding_is_its_cameras() -> None:
    cameras = Cameras(["head", "wrist"])
    head = Camera("head", "head/image", rotate=180)
    made = CameraTopics((head, Camera("wrist", "w", crop=Crop(left=0.5))), "raw", cameras, Statistics(), lambda: None)
    receive = {name: callback for _, _, callback, name in made}
    image = Image(height=1, width=2, step=6, encoding="rgb8", data=np.arange(6, dtype=np.uint8).tobytes())
    image.header.stamp.sec = 5
    for callback in receive.values():
        callback(image)
    cameras.look_at(Clip(), ("head", "wrist"))
    seen = cameras.clips(cameras.pick())
    assert [seen[name][0].tolist() for name in ("head", "wrist")] == [[[[3, 4, 5], [0, 1, 2]]], [[[3, 4, 5]]]]
    image.encoding = "32FC1"
    with pytest.raises(ObservationError, match=r"camera_wrist: encoding '32FC1' is not supported; supported are \['8UC1'"):
        receive["camera_wrist"](image)


def test_only_the_first_camera_of_the_policy_wakes_the_inference_and_a_damaged_image_is_its_cameras() -> None:
    cameras, statistics, woken = Cameras(["head", "wrist"]), Statistics(), []
    made = CameraTopics((HEAD, WRIST), "raw", cameras, statistics, lambda: woken.append(1))
    receive = {name: callback for _, _, callback, name in made}
    cameras.look_at(Clip(), ("wrist", "head"))
    image = Image(height=1, width=2, step=6, encoding="rgb8", data=np.arange(6, dtype=np.uint8).tobytes())
    damaged = CompressedImage(data=b"no image")
    for message in (image, damaged):
        message.header.stamp.sec = 5
    receive["camera_head"](image)
    assert not woken
    receive["camera_wrist"](damaged)
    assert woken
    assert [statistics.counter(f"images_received{which}") for which in ("", "_head", "_wrist")] == [2, 1, 1]
    values = made.diagnostics(6_000_000_000)
    assert values["image_age_ms"] == values["image_wrist_age_ms"] == values["image_head_age_ms"] == 1000.0
    assert values["images_late"] == values["images_late_head"] == values["images_skipped_wrist"] == 0
    with pytest.raises(ObservationError, match="camera_wrist: 8 bytes of compressed image cannot be decoded") as error:
        cameras.clips(cameras.pick())
    assert error.value.inputs == ("camera_wrist",)


def test_an_image_that_is_refused_for_how_it_came_neither_wakes_nor_stays_and_a_damaged_one_is_left_to_the_decoder() -> None:
    woken: list[int] = []
    cameras = Cameras(["camera"])
    likeness = Likeness("refuse", ["camera"], lambda name: None, lambda text: None)
    likeness.follow("reach", {"camera": shares({ImageKind("compressed", "jpeg", 2, 1): 1})}, ())
    made = CameraTopics((Camera(),), "raw", cameras, Statistics(), lambda: woken.append(1), likeness)
    ((_, _, receive, _),) = made
    image = Image(height=1, width=2, step=6, encoding="rgb8", data=bytes(6))
    image.header.stamp.sec = 5
    with pytest.raises(ObservationError, match="2 x 1 raw rgb8 arrives: other compression"):
        receive(image)
    assert not woken and cameras.buffers["camera"].latest_stamp is None
    receive(CompressedImage(data=b"no image", header=image.header))
    assert woken
