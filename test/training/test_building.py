from dataclasses import fields, replace
from pathlib import Path

import pytest
import yaml

torch = pytest.importorskip("torch")

from synthetic import CONFIG  # noqa: E402

from neon_control.core.common.errors import ConfigError  # noqa: E402
from neon_control.core.common.fields import default_of  # noqa: E402
from neon_control.core.common.paths import find_file  # noqa: E402
from neon_control.core.robot.action_space import ActionSpace  # noqa: E402
from neon_control.core.robot.robot_file import load_robot  # noqa: E402
from neon_control.model.action_heads import registered_heads  # noqa: E402
from neon_control.model.policy import ActionPolicy, PolicyConfig  # noqa: E402
from neon_control.training.building import head_keys, policy_config  # noqa: E402
from neon_control.training.config import TrainConfig, load_train_config  # noqa: E402

SMALL = {
    "dit": {"hidden_dim": 24, "num_heads": 2},
    "ensemble": {"dit_hidden": 24, "dit_heads": 2},
    "state_relative": {"inner": {"type": "mlp"}},
}


@pytest.mark.parametrize("head", registered_heads())
def test_every_head_gives_whole_chunks_and_its_configuration_builds_it_again(space: ActionSpace, head: str) -> None:
    policy = ActionPolicy(policy_config(replace(CONFIG, head={"type": head, **SMALL.get(head, {})}, policy={}), space, 8))
    inputs = (torch.zeros(2, 8), torch.zeros(2, 384), torch.zeros(2, 14))
    assert policy(*inputs).shape == (2, 16, 17)
    assert policy.config.state_relative == (head == "state_relative")
    assert PolicyConfig.from_dict(policy.config.to_dict()) == policy.config


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ({"type": "magic"}, r"head\.type is 'magic'; it must be one of \['mlp', 'chunking'"),
        ({"mlp_width": 3}, r"'grouped' has no options \['mlp_width'\]; it has .*mlp_hidden"),
        ({"type": "flow", "hidden_dim": -1}, r"head\.hidden_dim must be a whole number >= 1, got -1"),
        ({"type": "dit", "dropout": "some"}, r"head\.dropout must be a finite number, got 'some'"),
        ({"type": "flow", "mlp_hidden": 3}, "head 'flow'.*mlp_hidden.*it takes"),
        ({"type": "flow", "use_cross_attention": True}, "tokens of width none .*the head 'flow' .* looks at 8"),
        ({"type": "state_relative", "inner": "flow"}, r"head\.inner must be a mapping, got 'flow'"),
        ({"type": "state_relative", "hidden_dim": 3}, r"'state_relative' has no options \['hidden_dim'\]; .*head\.inner"),
    ],
)
def test_what_a_head_does_not_know_is_refused_with_what_it_knows(space: ActionSpace, head: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ActionPolicy(policy_config(replace(CONFIG, head=head), space, 8))


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ({"use_audio": 7}, r"policy\.use_audio must be true or false, got 7"),
        ({"bottleneck_dim": "wide"}, r"policy\.bottleneck_dim must be a whole number >= 1, got 'wide'"),
        ({"loss_weights": 3}, r"policy\.loss_weights must be a mapping, got 3"),
        ({"loss_weights": {"arms": "much"}}, r"policy\.loss_weights\.arms must be a finite number >= 0\.0, got 'much'"),
        ({"loss_weight": 3}, r"policy takes the fields \[.*'loss_weights'.*; unknown \['loss_weight'\]"),
    ],
)
def test_a_wrong_value_of_the_policy_is_refused_with_its_field(space: ActionSpace, policy: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        policy_config(replace(CONFIG, policy=policy), space, 8)


@pytest.mark.parametrize("file", sorted(find_file("train", "config").glob("*.yaml")), ids=lambda f: f.stem)
def test_a_shipped_configuration_repeats_no_default(file: Path) -> None:
    given, config = yaml.safe_load(file.read_text()), load_train_config(file)
    space = ActionSpace.from_robot(load_robot(config.robot), config.mode)
    defaults = {f.name: default_of(f) for f in fields(TrainConfig)}
    assert [name for name, value in given.items() if value == defaults[name]] == [], "the code says so already"
    for part in ("head", "policy"):
        options = getattr(config, part)
        for name in options:
            without = replace(config, **{part: {key: value for key, value in options.items() if key != name}})
            assert policy_config(without, space, 8) != policy_config(config, space, 8), f"{part}.{name}: the code says so already"
    assert 1.0 not in config.policy["loss_weights"].values(), "the code says so already"


def test_the_help_knows_every_option_of_every_head() -> None:
    keys = head_keys()
    assert "flow 512" in keys["hidden_dim"] and "dit 384" in keys["hidden_dim"] and "grouped" not in keys["hidden_dim"]
    assert "use_cross_attention" not in keys, "training keeps no tokens to look at"
    assert all(name in keys["type"] for name in registered_heads())
