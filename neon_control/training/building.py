"""From the training configuration to an untrained policy, with any head of the library."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, get_type_hints

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.action_space import ActionSpace
from neon_control.model.action_heads import ActionHeadConfig, registered_heads
from neon_control.model.action_heads.chunking_head import ActionChunkingHead
from neon_control.model.action_heads.dit_head import DiTActionHead
from neon_control.model.action_heads.ensemble_head import EnsembleHead
from neon_control.model.action_heads.flow_matching_head import FlowMatchingHead
from neon_control.model.action_heads.mlp_decoder import MLPDecoder
from neon_control.model.policy import ActionPolicy, PolicyConfig
from neon_control.runtime.encoders.vision import VISION_FEATURES
from neon_control.training.config import TrainConfig
from neon_control.training.options import NO_RULES, check_value

POLICY_KEYS = {
    "state_relative": "joints are predicted as changes from where they are",
    "relative_scale": "measure these changes in what is usual for each joint and step; heads that draw need it",
    "loss_weights": "weight of each group's loss, for example '{arms: 50, base: 1}' (default: 1 for each)",
    "loss_reduction": "'valid' averages over recorded steps, 'mean' over padded ones too (default: valid)",
    "use_audio": "whether the policy listens (default: true)",
    "bottleneck_dim": "width of the fusion's bottleneck (default: 864)",
    "proprioception_dim": "width of what is made of the joints (default: 384)",
}
AT_LEAST_ONE = {**NO_RULES, "least": 1}
HEADS = {
    "grouped": ActionHeadConfig,
    "chunking": ActionChunkingHead,
    "flow": FlowMatchingHead,
    "dit": DiTActionHead,
    "ensemble": EnsembleHead,
    "mlp": MLPDecoder,
}
SIZES = ("hidden_size", "input_dim", "action_dim", "output_dim", "num_action_steps", "num_steps")  # given by robot, encoder and `num_steps`
TOKENS = ("use_cross_attention", "cross_attention_dim")  # features are kept for training, tokens are not


def head_keys() -> dict[str, str]:
    """The options of all heads: name -> its default in each head that has it."""
    defaults: dict[str, list[str]] = {}
    for head, kind in HEADS.items():
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
    unknown = sorted(set(config.policy) - set(POLICY_KEYS))
    if unknown:
        raise ConfigError(f"TrainConfig.policy: unknown fields {unknown}; known are {list(POLICY_KEYS)}")
    kinds = get_type_hints(PolicyConfig)
    for name, value in config.policy.items():
        check_value(f"TrainConfig.policy.{name}", value, kinds[name], AT_LEAST_ONE if kinds[name] is int else NO_RULES)
    for group, weight in config.policy.get("loss_weights", {}).items():
        check_value(f"TrainConfig.policy.loss_weights.{group}", weight, float, {**NO_RULES, "least": 0.0})
    policy, head = dict(config.policy), dict(config.head)
    kind = head.pop("type", "grouped")
    if kind == "state_relative":
        policy["state_relative"] = True
        inner = head.pop("inner", {})
        check_value("TrainConfig.head.inner", inner, Mapping)
        if head:
            raise ConfigError(
                f"TrainConfig.head: 'state_relative' has no options {sorted(head)}; those of the head within are in head.inner"
            )
        head = dict(inner)
        kind = head.pop("type", "chunking")
    if kind not in registered_heads():
        raise ConfigError(f"TrainConfig.head.type is {kind!r}; it must be one of {list(registered_heads())}")
    sizes = ActionHeadConfig(hidden_size=width, action_dim=space.dim, num_action_steps=config.num_steps)
    known = get_type_hints(vars(HEADS[kind])["__init__"]) if kind in HEADS else {}
    for name, value in head.items():
        if known.get(name) in (int, float, bool):
            check_value(f"TrainConfig.head.{name}", value, known[name], AT_LEAST_ONE if known[name] is int else NO_RULES)
    if kind in ("grouped", "mlp"):
        sizes, head = _mlp_heads(kind, sizes, head), {}
        kind = "grouped"
    return PolicyConfig.from_action_space(space, vision_dim=width, head=sizes, head_type=kind, head_options=head, **policy)


def build_policy(config: TrainConfig, space: ActionSpace, width: int = VISION_FEATURES) -> ActionPolicy:
    """An untrained policy; see `policy_config`."""
    return ActionPolicy(policy_config(config, space, width))


def _mlp_heads(kind: str, sizes: ActionHeadConfig, options: Mapping[str, Any]) -> ActionHeadConfig:
    if kind == "mlp":
        renamed = {("mlp_hidden" if name == "hidden_dim" else name): value for name, value in options.items()}
        options = {**renamed, "use_separate_heads": False, "use_action_chunking": False}
    known = [f.name for f in fields(ActionHeadConfig) if f.name not in SIZES]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ConfigError(f"TrainConfig.head: '{kind}' has no options {unknown}; it has {known}")
    return replace(sizes, **options)
