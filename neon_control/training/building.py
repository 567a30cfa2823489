"""From the training configuration to that of the action layer, with any head of the library."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, get_type_hints

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.fields import NO_RULES, Place, Rules, check_keys, read
from neon_control.core.robot.action_space import ActionSpace
from neon_control.model.action_heads import ActionHeadConfig, registered_heads
from neon_control.model.action_heads.factory import BUILT_IN
from neon_control.model.policy import PolicyConfig
from neon_control.training.config import TrainConfig

POLICY_KEYS = {
    "state_relative": "joints are predicted as changes from where they are",
    "relative_scale": "measure these changes in what is usual for each joint and step; heads that draw need it",
    "state_at_action": "take the joints to be where the last committed step leads them; needs max_prefix (default: false)",
    "loss_weights": "weight of each group's loss, for example '{arms: 50, base: 1}' (default: 1 for each)",
    "loss_reduction": "'valid' averages over recorded steps, 'mean' over padded ones too (default: valid)",
    "use_audio": "whether the policy listens (default: true)",
    "bottleneck_dim": "width of the fusion's bottleneck (default: 864)",
    "proprioception_dim": "width of what is made of the joints (default: 384)",
}
KINDS = {name: head.kind for name, head in BUILT_IN.items() if name != "state_relative"}  # which is a switch of the policy
# Given by robot and encoder, or fields of the configuration themselves.
SIZES = ("hidden_size", "input_dim", "action_dim", "output_dim", "num_action_steps", "num_steps", "max_prefix")
TOKENS = ("use_cross_attention", "cross_attention_dim")  # features are kept for training, tokens are not


def head_keys() -> dict[str, str]:
    """The options of all heads: name -> its default in each head that has it."""
    defaults: dict[str, list[str]] = {}
    for head, kind in KINDS.items():
        for name, parameter in inspect.signature(kind).parameters.items():
            if name not in SIZES + TOKENS:
                defaults.setdefault(name, []).append(f"{head} {parameter.default}")
    return {
        "type": f"one of {', '.join(registered_heads())} (default: grouped)",
        "inner": "of state_relative: the head within, for example '{type: flow}'",
        **{name: f"[{', '.join(texts)}]" for name, texts in defaults.items()},
    }


def policy_config(config: TrainConfig, space: ActionSpace, width: int) -> PolicyConfig:
    """The action layer's configuration, for `width` features of the backbone.

    `type: mlp` is a grouped head with one decoder, whose one action is held over the chunk; `type: state_relative` is its inner head
    in a policy that is state-relative.

    Raises:
        ConfigError: an unknown head, or an option that it does not have.
    """
    check_keys(config.policy, Place(field="TrainConfig.policy"), tuple(POLICY_KEYS))
    policy, head = _checked(config.policy, "TrainConfig.policy", get_type_hints(PolicyConfig)), dict(config.head)
    kind = head.pop("type", "grouped")
    if kind == "state_relative":
        policy["state_relative"] = True
        inner = head.pop("inner", {})
        if head:
            raise ConfigError(
                f"TrainConfig.head: 'state_relative' has no options {sorted(head)}; those of the head within are in head.inner"
            )
        head = read(Mapping, inner, Place(field="TrainConfig.head.inner"))
        kind = head.pop("type", "chunking")
    if kind not in registered_heads():
        raise ConfigError(f"TrainConfig.head.type is {kind!r}; it must be one of {list(registered_heads())}")
    sizes = ActionHeadConfig(hidden_size=width, action_dim=space.dim, num_action_steps=config.num_steps, max_prefix=config.max_prefix)
    head = _checked(head, "TrainConfig.head", get_type_hints(vars(KINDS[kind])["__init__"]) if kind in KINDS else {})
    if kind in ("grouped", "mlp"):
        sizes, kind, head = _mlp_heads(kind, sizes, head), "grouped", {}
    return PolicyConfig.from_action_space(space, vision_dim=width, head=sizes, head_type=kind, head_options=head, **policy)


def _checked(given: Mapping[str, Any], where: str, kinds: Mapping[str, Any]) -> dict[str, Any]:
    """The values as their types want them, where the type is plain; the constructors judge the others."""
    kinds = {name: kind for name, kind in kinds.items() if kind in (int, float, bool, str, Mapping[str, float])}
    values = {}
    for name, value in given.items():
        kind = kinds.get(name, Any)
        rules = Rules(minimum=1) if kind is int else Rules(minimum=0.0) if kind == Mapping[str, float] else NO_RULES  # counts, weights
        values[name] = read(kind, value, Place(field=f"{where}.{name}"), rules)
    return values


def _mlp_heads(kind: str, sizes: ActionHeadConfig, options: Mapping[str, Any]) -> ActionHeadConfig:
    if kind == "mlp":
        renamed = {("mlp_hidden" if name == "hidden_dim" else name): value for name, value in options.items()}
        options = {**renamed, "use_separate_heads": False, "use_action_chunking": False}
    known = [f.name for f in fields(ActionHeadConfig) if f.name not in SIZES]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ConfigError(f"TrainConfig.head: '{kind}' has no options {unknown}; it has {known}")
    return replace(sizes, **options)
