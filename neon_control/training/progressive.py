"""Progressive training: a policy of a narrower mode becomes the start of a wider one (arms, then hands, base, waist and legs).

The wider policy has everything that the narrower one has, under the same names, and more: decoders for its new groups, and columns for
its new joints. What it had is copied, its feature statistics too; the new columns are zero. So before the first step the wider policy
predicts for the old groups exactly what the narrower one does, bit for bit. Afterwards the trunk (proprioception encoder and fusion,
which all heads read) may be frozen as well as single heads: with `freeze: [arms, base, trunk]` those predictions never change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.action_space import ActionSpace
from neon_control.model.action_heads import GroupedActionHead, StateRelativeHead
from neon_control.model.action_heads.losses import group_slices
from neon_control.model.policy import ActionPolicy, PolicyConfig
from neon_control.runtime.encoders.backbone import BackboneSpec
from neon_control.runtime.encoders.hearing import AUDIO_FEATURES
from neon_control.runtime.policy.policy_file import PolicyFile, read_policy_file
from neon_control.runtime.policy.torch_action_layer import rebuild_policy
from neon_control.training.batches import Batch, mean_and_deviation
from neon_control.training.building import policy_config
from neon_control.training.config import TrainConfig
from neon_control.training.evaluation import change_scale
from neon_control.training.spill import Spill

MAY_DIFFER = ("mode", "groups", "num_joints", "absolute", "proprioception_added", "loss_weights", "loss_reduction", "forward_only")


def start_policy(
    config: TrainConfig, space: ActionSpace, training: Batch, vision: BackboneSpec | None = None, spill: Spill | None = None
) -> ActionPolicy:
    """The policy that a run starts from: a new one, with its features' statistics, or `init_from`; what is to be frozen is.

    Args:
        spill: where samples are that are not in memory.

    Raises:
        ConfigError: as of `widen` and `freeze`.
        PolicyError: `init_from` is no sound policy.
    """
    layers = policy_config(config, space, training.vision.shape[1])
    scale = change_scale(training) if layers.relative_scale else None
    if config.init_from:
        policy = widen(layers, space, read_policy_file(config.init_from), config.dt, vision, scale)
    else:
        policy = ActionPolicy(layers)
        parts = (mean_and_deviation(values, spill or Spill()) for values in (training.vision, training.audio))
        policy.set_feature_statistics(*(values for pair in parts for values in pair))
        if scale is not None:
            cast(StateRelativeHead, policy.head).set_scale(scale)
    freeze(policy, config.freeze)
    return policy


def check_start(config: TrainConfig, space: ActionSpace, vision: BackboneSpec) -> None:
    """Raise what `start_policy` will raise for this configuration: encoding, which comes first, may take hours."""
    shapes = ((vision.features,), (AUDIO_FEATURES,), (space.num_joints,), (config.num_steps, space.dim), (config.num_steps,))
    start_policy(config, space, Batch(*(torch.zeros(2, *shape) for shape in shapes)), vision)  # two samples: one has no deviation


def widen(
    config: PolicyConfig, space: ActionSpace, start: PolicyFile, dt: float, vision: BackboneSpec | None, scale: Tensor | None
) -> ActionPolicy:
    """A policy of `config`, for `space`, that says what `start` says wherever `start` says anything.

    Args:
        vision: the backbone to train on, to be compared with the one that `start` was trained on.
        scale: (S, N) of changes (`StateRelativeHead`), for a `config` that asks for one; what `start` knows keeps its own.

    Raises:
        ConfigError: `start` does not fit; the message names what differs, and both sides.
    """
    narrow = rebuild_policy(start)
    _same(start, "dt", start.dt, dt)
    if vision is not None:
        for field in ("encoder", "revision", "features", "fit", "clip", "instruction", "tasks", "views"):
            _same(start, f"vision.{field}", getattr(start.vision, field), getattr(vision, field))
    _check_space(start, group_slices(narrow.config.groups), space)
    added = space.num_joints - start.space.num_joints
    config = replace(config, proprioception_added=(*narrow.config.proprioception_added, *([added] if added else [])))
    _check_config(start, narrow.config, config)
    policy = ActionPolicy(config)
    if tuple(config.groups) != tuple(narrow.config.groups) and not _separate_heads(policy):
        raise ConfigError(
            f"policy {start.name} has the groups {list(narrow.config.groups)}, needed are {list(config.groups)}; only a grouped head with "
            "use_separate_heads can be widened, all other heads mix the groups"
        )
    state = narrow.state_dict()
    if scale is not None:
        known = group_slices(narrow.config.groups)
        parts = [state["head.scale"][:, known[name]] if name in known else scale[:, part] for name, part in space.groups.items()]
        state["head.scale"] = torch.cat(parts, dim=1)
    policy.load_state_dict(state, strict=False)  # same configuration: what is missing is what is new
    return policy


def freeze(policy: ActionPolicy, names: Sequence[str]) -> None:
    """Exclude heads, or the trunk, from training.

    Raises:
        ConfigError: there is no such part, or nothing is left to train.
    """
    parts: dict[str, nn.Module] = {"trunk": nn.ModuleList([policy.proprioception, policy.fusion]), **_separate_heads(policy)}
    unknown = sorted(set(names) - set(parts))
    if unknown:
        raise ConfigError(f"TrainConfig.freeze names {unknown}; this policy's parts are {list(parts)}")
    for name in names:
        parts[name].requires_grad_(False)
    if not any(p.requires_grad for p in policy.parameters()):
        raise ConfigError(f"TrainConfig.freeze is {list(names)}: nothing is left to train")


def _check_space(start: PolicyFile, groups: Mapping[str, slice], space: ActionSpace) -> None:
    """Old joints come first, old groups keep their joints, and the numbers keep their scale."""
    old = start.space
    _same(start, "joint_names", old.joint_names, space.joint_names[: old.num_joints])
    for group, part in groups.items():
        if group not in space.groups:
            raise ConfigError(f"policy {start.name} has the group '{group}', which mode {space.mode} lacks: it has {list(space.groups)}")
        new = space.groups[group]
        _same(start, f"size of group '{group}'", part.stop - part.start, new.stop - new.start)
        for bound in ("lower", "upper"):
            before, now = getattr(old, bound)[part], getattr(space, bound)[new]
            for i in np.flatnonzero(~np.isclose(before, now, rtol=0.0, atol=1e-9)):
                _same(start, f"normalisation.{bound} of {old.names[part.start + i]}", before[i], now[i])


def _check_config(start: PolicyFile, narrow: PolicyConfig, wide: PolicyConfig) -> None:
    before, now = narrow.to_dict(), wide.to_dict()
    _same(start, "action_layer.head_type", narrow.head_type, wide.head_type)
    if narrow.state_relative:  # else it says nothing
        known = [place for place in wide.absolute if place < narrow.num_joints]
        _same(start, "action_layer.absolute", list(narrow.absolute), known)
    for field in before:
        if field == "head":
            for name, value in before["head"].items():
                if name not in ("action_dim", "dropout"):
                    _same(start, f"head.{name}", value, now["head"].get(name))
        elif field not in MAY_DIFFER:
            _same(start, f"action_layer.{field}", before[field], now.get(field))


def _same(start: PolicyFile, field: str, before: Any, now: Any) -> None:
    if before != now:
        raise ConfigError(f"cannot start from policy {start.name} ({start.folder}): its {field} is {before!r}, needed is {now!r}")


def _separate_heads(policy: ActionPolicy) -> dict[str, nn.Module]:
    """The head of each group; empty where one head mixes the groups."""
    head = policy.head.inner_head if isinstance(policy.head, StateRelativeHead) else policy.head
    if isinstance(head, GroupedActionHead) and head.config.use_separate_heads:
        return dict(head.heads.items())
    return {}
