"""A policy that looks through two cameras: its features, its file, and the robots that it fits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
import yaml
from policies import write_policy

from neon_control.core.common.errors import ConfigError, ObservationError, PolicyError
from neon_control.core.robot.camera import Camera
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.robot_file import load_robot
from neon_control.core.robot.view import Crop, View
from neon_control.core.sensing.observation import Observation
from neon_control.model.policy import ActionPolicy
from neon_control.runtime.encoders.backbone import BackboneSpec
from neon_control.runtime.encoders.encoding import encode_observations
from neon_control.runtime.encoders.vision import VISION_FEATURES, EfficientNetLite0, vision_revision
from neon_control.runtime.policy.policy import Policy
from neon_control.runtime.policy.policy_file import DESCRIPTION_FILE, WEIGHTS_FILE, check_robot, read_policy_file

ONE = BackboneSpec("efficientnet_lite0", vision_revision(), VISION_FEATURES, "letterbox")
TWO = ONE.looking_at(("wrist", "head"))
ROBOT: Robot = replace(load_robot("g1.yaml"), cameras=tuple(Camera(n, f"{n}/image_raw") for n in ("head", "wrist", "floor")))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ActionPolicy]:
    folder = tmp_path_factory.mktemp("policies") / "two"
    return folder, write_policy(folder, vision=TWO, use_audio=False)[0]


def observation(seed: int, joints: int = 14) -> Observation:
    rng = np.random.default_rng(seed)
    wrist, head = ((rng.integers(0, 256, (48, 48 + 16 * i, 3), dtype=np.uint8),) for i in range(2))
    return Observation.of_clips(7, {"wrist": wrist, "head": head}, rng.normal(0.0, 0.3, joints), np.zeros(0, np.float32))


def test_two_cameras_become_the_chunk_that_torch_computes(written: tuple[Path, ActionPolicy]) -> None:
    folder, module = written
    policy = Policy.load(folder, ROBOT)
    module.load_state_dict(safetensors.torch.load_file(folder / WEIGHTS_FILE))
    encoder = EfficientNetLite0(fit="letterbox")
    for seed in range(2):
        seen = observation(seed)
        features = np.concatenate([encoder.encode([clip]).features[0] for clip in seen.clips])
        np.testing.assert_array_equal(policy.encode(seen).vision, features)
        inputs = (features, np.zeros(384), policy.file.space.normalise_joints(seen.joint_positions))
        with torch.no_grad():
            expected = module(*(torch.tensor(x, dtype=torch.float32)[None] for x in inputs))[0].numpy()
        chunk = policy.predict(seen)
        got = policy.file.space.normalise(np.concatenate([chunk.joints, chunk.base], axis=1))
        np.testing.assert_allclose(got, expected, atol=1e-5)
    swapped = replace(seen, image=seen.others["head"][0], others={"head": (seen.image,)})
    assert np.abs(policy.predict(swapped).joints - chunk.joints).max() > 1e-4, "which camera is which matters"
    with pytest.raises(ObservationError, match=r"looks at 2 cameras, but the observations are of \[1\]"):
        policy.predict(replace(seen, others={}))


def test_averaged_cameras_give_the_mean_of_their_features() -> None:
    encoder, seen = EfficientNetLite0(fit="letterbox"), [observation(seed) for seed in range(2)]
    average = encode_observations(encoder, ONE.looking_at(("wrist", "head"), "average"), seen).features
    both = encode_observations(encoder, TWO, seen).features
    assert average.shape == (2, VISION_FEATURES) and both.shape == (2, 2 * VISION_FEATURES)
    np.testing.assert_allclose(average, both.reshape(2, 2, -1).mean(axis=1), atol=1e-6)


def test_cameras_are_read_back_as_they_were_written(written: tuple[Path, ActionPolicy]) -> None:
    assert read_policy_file(written[0]).vision == TWO
    block = yaml.safe_load((written[0] / DESCRIPTION_FILE).read_text())["vision"]
    assert block["cameras"] == ["wrist", "head"] and block["features"] == 2 * VISION_FEATURES and "combine" not in block


def test_a_robot_without_the_cameras_is_refused_with_both_sides(written: tuple[Path, ActionPolicy]) -> None:
    file = read_policy_file(written[0])
    check_robot(file, ROBOT)
    with pytest.raises(PolicyError, match=r"looks through the cameras \['wrist', 'head'\], but robot unitree_g1 has \['camera'\]"):
        check_robot(file, load_robot("g1.yaml"))
    check_robot(read_policy_file("g1_reach"), ROBOT)  # names no camera: any robot's first one will do


def test_what_was_seen_of_each_camera_is_kept_and_has_to_be_the_same(written: tuple[Path, ActionPolicy], tmp_path: Path) -> None:
    views = View(rotate=180), View(crop=Crop(left=0.1), flip="horizontal")
    vision = ONE.looking_at(("wrist", "head"), views=views)
    assert vision.of_one_camera() == ONE and ONE.looking_at(("wrist", "head"), views=[View()] * 2) == TWO
    write_policy(tmp_path / "turned", vision=vision, use_audio=False)
    file = read_policy_file(tmp_path / "turned")
    assert file.vision == vision
    head, wrist, floor = ROBOT.cameras
    head, wrist = replace(head, crop=Crop(left=0.1), flip="horizontal"), replace(wrist, rotate=180)
    check_robot(file, replace(ROBOT, cameras=(head, wrist, floor)))
    with pytest.raises(PolicyError, match=r"saw the pictures of camera wrist rotate 180, but the file of robot unitree_g1 says plain"):
        check_robot(file, ROBOT)
    with pytest.raises(PolicyError, match=r"of camera head plain, but .* says crop 0\.1 0 1 1, flip horizontal .* field 'vision.views'"):
        check_robot(read_policy_file(written[0]), replace(ROBOT, cameras=(head, ROBOT.cameras[1], floor)))
    check_robot(read_policy_file(written[0]), replace(ROBOT, cameras=(*ROBOT.cameras[:2], replace(floor, rotate=90))))
    with pytest.raises(PolicyError, match="of camera head plain, but"):  # one that names no camera
        check_robot(read_policy_file("g1_reach"), replace(ROBOT, cameras=(replace(head, rotate=90),)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v.update(cameras="head"), r"vision\.cameras must be a list of texts, got 'head'"),
        (lambda v: v.update(cameras=["head", 2]), r"vision\.cameras\[1\] must be a text, got 2"),
        (lambda v: v.update(cameras=["head", "head"]), r"vision\.cameras: each may be named once"),
        (lambda v: v.update(combine="sum"), r"vision\.combine must be one of \['concatenate', 'average'\], got 'sum'"),
        (lambda v: v.update(views=[{"rotate": 90}]), r"vision\.views: needs one for each of 2 cameras, got 1"),
        (lambda v: v.update(views=[{}, {"rotate": 91}]), r"vision\.views\[1\]\.rotate must be one of \[0, 90, 180, 270\], got 91"),
        (lambda v: v.update(features=2049), r"vision\.features: 2 concatenated cameras give a multiple of 2, got 2049"),
        (lambda v: v.update(features=2048), r"1024 features of each of 2 cameras; this installation has .* 2048 features"),
        (lambda v: v.update(combine="average"), r"4096 features of each of 2 cameras; this installation has .* 2048 features"),
    ],
)
def test_cameras_that_do_not_fit_are_refused(
    change: Callable[[dict[str, Any]], object], message: str, written: Any, tmp_path: Path
) -> None:
    data = yaml.safe_load((written[0] / DESCRIPTION_FILE).read_text())
    change(data["vision"])
    (tmp_path / "p").mkdir()
    for file in written[0].iterdir():
        (tmp_path / "p" / file.name).symlink_to(file)
    (tmp_path / "p" / DESCRIPTION_FILE).unlink()
    (tmp_path / "p" / DESCRIPTION_FILE).write_text(yaml.safe_dump(data))
    with pytest.raises(PolicyError, match=message):
        Policy.load(tmp_path / "p", ROBOT)


def test_features_that_cannot_be_of_so_many_cameras_are_refused_where_they_are_named() -> None:
    with pytest.raises(ConfigError, match="3 concatenated cameras give a multiple of 3, got 2048"):
        BackboneSpec("efficientnet_lite0", "r", 2048, cameras=("a", "b", "c"))
