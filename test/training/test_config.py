import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.paths import find_file
from neon_control.core.robot.camera import Camera
from neon_control.core.robot.robot_file import load_robot
from neon_control.core.robot.view import View
from neon_control.runtime.encoders.vision import VISION_FEATURES
from neon_control.training.config import INTERVENTIONS, TrainConfig, load_train_config
from neon_control.training.options import add_options, given_options

SHIPPED = ("train/g1_reach.yaml", "train/g1_whole_body.yaml", "train/arm6_reach.yaml")


def command_line(*words: str) -> dict[str, Any]:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_options(parser, TrainConfig, {"head": {"type": "", "hidden_dim": "", "inner": ""}, "policy": {"loss_weights": ""}})
    return given_options(parser.parse_args(words), TrainConfig)


@pytest.mark.parametrize("file", SHIPPED)
def test_the_shipped_configurations_load(file: str) -> None:
    config = load_train_config(find_file(file, "config"))
    assert config.name == Path(file).stem


def test_the_command_line_wins_and_what_is_not_given_stays() -> None:
    given = command_line(
        "--epochs", "3", "--learning_rate", "1e-4", "--compile", "true", "--freeze", "[arms]", "--policy.loss_weights", "{arms: 20}"
    )
    config = load_train_config(find_file(SHIPPED[0], "config"), given)
    assert (config.epochs, config.learning_rate, config.compile, config.freeze) == (3, 1e-4, True, ("arms",))
    assert config.policy == {"state_relative": True, "loss_weights": {"arms": 20}}
    assert config.seed == 0 and config.batch_size == 512


def test_another_type_of_head_drops_the_options_of_the_old_one(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("name: a\ndata: b\nhead: {type: grouped, mlp_hidden: 256}")
    for words, head in (
        (("--head.type", "flow", "--head.hidden_dim", "64"), {"type": "flow", "hidden_dim": 64}),
        (("--head.type", "grouped"), {"type": "grouped", "mlp_hidden": 256}),
    ):
        assert load_train_config(file, command_line(*words)).head == head


def test_an_unknown_field_of_the_command_line_is_refused_with_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    for word in ("--epoch", "--head.width"):  # no abbreviations
        with pytest.raises((SystemExit, argparse.ArgumentError)) as error:
            command_line(word, "3")
        assert word in capsys.readouterr().err + str(error.value)
    with pytest.raises((SystemExit, argparse.ArgumentError)) as error:
        command_line("--policy.loss_weights", "{base: 1")
    assert "{base: 1' is no YAML value" in capsys.readouterr().err + str(error.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: a\ndata: b\nepoch: 3", ["epoch", "epochs"]),
        ("name: a", ["missing", "data"]),
        ("name: a\ndata: b\nepochs: 0", ["epochs", "whole number >= 1", "0"]),
        ("name: ../a\ndata: b", ["name", "../a", "without a path"]),
        ("name: a\ndata: b\nlearning_rate: .nan", ["learning_rate", "number from", "nan"]),
        ("name: a\ndata: b\nlearning_rate: fast", ["learning_rate", "number from", "fast"]),
        ("name: a\ndata: b\ncompile: 1", ["compile", "true or false"]),
        ("name: a\ndata: b\nmode: legs_only", ["mode", "arms_only", "legs_only"]),
        ("name: a\ndata: b\ncameras: head", ["cameras", "list of texts", "head"]),
        ("name: a\ndata: b\ncombine: sum", ["combine", "sum", "average"]),
        ("name: a\ndata: b\nfreeze: arms", ["freeze", "list of texts", "arms"]),
        ("name: a\ndata: b\nfreeze: [[arms]]", ["freeze[0]", "a text", "['arms']"]),
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


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"clip": {"frame": 3}}, r"backbone\.clip takes the fields \['frames', 'rate_hz'\]; unknown \['frame'\]"),
        ({"clip": 3}, r"backbone\.clip must be a mapping, got 3"),
        ({"features": 3}, r"backbone takes the fields \['model', .*unknown \['features'\]"),
    ],
)
def test_a_backbone_that_is_none_is_refused_with_what_it_has(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        TrainConfig("a", "b", backbone={"model": ".", **changes}).backbone_spec()


def test_cameras_are_found_on_the_robot_and_counted_in_the_features() -> None:
    robot = replace(load_robot("g1.yaml"), cameras=(Camera("head", "head/image"), Camera("wrist", "wrist/image")))
    config = TrainConfig("a", "b", cameras=["wrist", "head"])
    assert config.cameras_of(robot) == robot.cameras[::-1] and config.backbone_spec().features == 2 * VISION_FEATURES
    assert TrainConfig("a", "b", cameras=("wrist", "head"), combine="average").backbone_spec().features == VISION_FEATURES
    assert TrainConfig("a", "b").cameras_of(robot) == robot.cameras[:1]
    assert config.backbone_spec(robot) == config.backbone_spec(), "of plain pictures nothing is noted"
    turned = replace(robot, cameras=(robot.cameras[0], replace(robot.cameras[1], rotate=90)))
    assert config.backbone_spec(turned).views == (View(rotate=90), View())
    assert [c.rotate for c in config.recording_of(turned).others] == [0] and config.recording_of(turned).view == View(rotate=90)
    with pytest.raises(ConfigError, match=r"cameras are \['floor'\], but robot unitree_g1 has \['head', 'wrist'\]"):
        TrainConfig("a", "b", cameras=("floor",)).cameras_of(robot)


def test_one_folder_with_recordings_is_a_list_of_one(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    for data, expected in (("a", ("a",)), (["a", "b"], ("a", "b"))):
        file.write_text(yaml.safe_dump({"name": "n", "data": data}))
        assert load_train_config(file).data == expected
    assert load_train_config(file, {"data": ["c"]}).data == ("c",)
    for wrong in ([], 3):
        file.write_text(yaml.safe_dump({"name": "n", "data": wrong}))
        with pytest.raises(ConfigError, match="data must be a list of texts"):
            load_train_config(file)


def test_checkpoints_of_before_takeovers_go_on_and_later_ones_say_what_counted() -> None:
    plain = TrainConfig("a", "b").to_dict()
    assert not set(INTERVENTIONS) & set(plain)
    changed = TrainConfig("a", "b", own_successes=0.5, sampling="interventions:0.5").to_dict()
    assert {*changed} - {*plain} == {"own_successes", "sampling"}
