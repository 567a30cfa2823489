from dataclasses import replace
from pathlib import Path

import pytest

from neon_control.core.cameras import Camera
from neon_control.core.errors import ConfigError
from neon_control.core.paths import find_file
from neon_control.core.robot import load_robot
from neon_control.runtime.vision import VISION_FEATURES
from neon_control.training.config import TrainConfig, load_train_config


def test_the_shipped_configuration_loads() -> None:
    config = load_train_config(find_file("train/g1_reach.yaml", "config"))
    assert config.name == "g1_reach" and config.mode == "arms_only"


def test_overrides_win_and_none_means_not_given() -> None:
    config = load_train_config(find_file("train/g1_reach.yaml", "config"), {"epochs": 3, "seed": None})
    assert config.epochs == 3 and config.seed == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: a\ndata: b\nepoch: 3", ["epoch", "epochs"]),
        ("name: a", ["missing", "data"]),
        ("name: a\ndata: b\nepochs: 0", ["epochs", "0"]),
        ("name: a\ndata: b\nlearning_rate: fast", ["learning_rate", "fast"]),
        ("name: a\ndata: b\ncameras: head", ["cameras", "head"]),
        ("name: a\ndata: b\ncombine: sum", ["combine", "sum", "average"]),
        ("- a", ["mapping"]),
        ("a: [", ["YAML"]),
    ],
)
def test_a_wrong_file_is_refused_with_its_name(tmp_path: Path, text: str, words: list[str]) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as error:
        load_train_config(file)
    for word in ["run.yaml", *words]:
        assert word in str(error.value)


def test_cameras_are_found_on_the_robot_and_counted_in_the_features() -> None:
    robot = replace(load_robot("g1.yaml"), cameras=(Camera("head", "head/image"), Camera("wrist", "wrist/image")))
    config = TrainConfig("a", "b", cameras=["wrist", "head"])
    assert config.cameras_of(robot) == robot.cameras[::-1] and config.backbone_spec().features == 2 * VISION_FEATURES
    assert TrainConfig("a", "b", cameras=("wrist", "head"), combine="average").backbone_spec().features == VISION_FEATURES
    assert TrainConfig("a", "b").cameras_of(robot) == robot.cameras[:1]
    with pytest.raises(ConfigError, match=r"cameras are \['floor'\], but robot unitree_g1 has \['head', 'wrist'\]"):
        TrainConfig("a", "b", cameras=("floor",)).cameras_of(robot)
