"""ActionPolicy: the trainable part of the policy, from encoder features to a normalised chunk of actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.fields import Place, Rules, check_keys, read
from neon_control.core.robot.action_space import ActionSpace
from neon_control.model.action_heads import ActionHead, ActionHeadConfig, GroupedActionHead, StateRelativeHead, build_head, group_sizes
from neon_control.model.action_heads.losses import REDUCTIONS, grouped_loss
from neon_control.model.action_heads.prefix import prefix_inputs, read_prefix, without_given
from neon_control.model.fusion import Fusion
from neon_control.model.proprioception import ProprioceptionEncoder

FEATURE_LIMIT = 8.0  # standard deviations; an input far outside the training data is cut off here
MIN_STD = 1e-3  # a feature that hardly varied in training is not blown up


@dataclass(frozen=True)
class PolicyConfig:
    """Everything needed to build an `ActionPolicy`; `to_dict` and `from_dict` carry it through YAML and JSON.

    Raises:
        ConfigError: the groups do not hold the joints, or a loss weight or the reduction is wrong.
    """

    mode: str = "arms_only"
    groups: Mapping[str, int] = field(default_factory=lambda: {"arms": 14, "base": 3})  # group -> dimensions, in action order
    num_joints: int = 14  # J; the first J dimensions of an action are joints
    vision_dim: int = 2048
    audio_dim: int = 384
    proprioception_dim: int = 384
    proprioception_added: Sequence[int] = ()  # of the joints, those that each widening of the mode brought; see `ProprioceptionEncoder`
    bottleneck_dim: int = 864
    num_tokens: int = 0  # T of the backbone's tokens that the head looks at, padding included; 0: it reads features only
    token_dim: int = 0  # their width
    use_audio: bool = True  # off: the audio input is taken and ignored
    state_relative: bool = False  # joints are predicted as changes from the current position, the base as it is
    absolute: Sequence[int] = ()  # places of joints to which neither applies, relative nor at action: those of grippers
    state_at_action: bool = False  # the joints are taken to be where the last committed step leads them; with a prefix only
    forward_only: bool = False  # draws start from what is under way, although the head was not taught to; see `forward_only.py`
    relative_scale: bool = False  # these changes are measured in what is usual for each joint and step; see `StateRelativeHead`
    loss_weights: Mapping[str, float] = field(default_factory=dict)  # group -> weight, for example {"arms": 2.0}
    loss_reduction: str = "valid"
    head: ActionHeadConfig = field(default_factory=ActionHeadConfig)
    head_type: str = "grouped"  # or any registered head, built with `head_options` instead of `head`'s widths and switches
    head_options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        joints = sum(size for name, size in self.groups.items() if name != "base")
        if joints != self.num_joints:
            raise ConfigError(f"PolicyConfig: the groups {dict(self.groups)} hold {joints} joints, but num_joints is {self.num_joints}")
        if not (sum(self.proprioception_added) < self.num_joints and all(size > 0 for size in self.proprioception_added)):
            raise ConfigError(f"PolicyConfig.proprioception_added {list(self.proprioception_added)} must be fewer joints than all {joints}")
        check_keys(self.loss_weights, Place(field="PolicyConfig.loss_weights"), tuple(self.groups))
        read(str, self.loss_reduction, Place(field="PolicyConfig.loss_reduction"), Rules(choices=REDUCTIONS))
        if not all(0 <= place < self.num_joints for place in self.absolute):
            raise ConfigError(f"PolicyConfig.absolute {list(self.absolute)} must be places of the {self.num_joints} joints")
        if self.relative_scale and not self.state_relative:
            raise ConfigError("PolicyConfig.relative_scale is on, but state_relative is off: there are no changes to scale")
        if self.state_at_action and not self.head.max_prefix:
            raise ConfigError("PolicyConfig.state_at_action is on, but max_prefix is 0: nothing committed leads the joints anywhere")
        if self.forward_only and self.head.max_prefix:
            raise ConfigError(f"PolicyConfig.forward_only is for heads without a prefix, but max_prefix is {self.head.max_prefix}")
        if self.head_options and self.head_type == "grouped":
            raise ConfigError(f"PolicyConfig.head_options {dict(self.head_options)} are for other heads; `head` configures a grouped one")
        if min(self.num_tokens, self.token_dim) < 0 or (self.num_tokens > 0) != (self.token_dim > 0):
            given = f"num_tokens = {self.num_tokens} and token_dim = {self.token_dim}"
            raise ConfigError(f"PolicyConfig: {given} must both be 0 (no tokens) or both positive")
        if self.head.hidden_size != self.vision_dim:
            raise ConfigError(f"PolicyConfig: head.hidden_size is {self.head.hidden_size}, must equal vision_dim = {self.vision_dim}")

    @classmethod
    def from_action_space(cls, space: ActionSpace, **options: Any) -> PolicyConfig:
        """The configuration for a robot's action space; `options` are any other fields."""
        if options.get("state_relative") or options.get("state_at_action"):
            options = {"absolute": space.absolute, **options}
        return cls(mode=space.mode, groups=group_sizes(space), num_joints=space.num_joints, **options)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> PolicyConfig:
        """The inverse of `to_dict`; a field that is unknown is a ConfigError."""
        values = dict(data)
        head = values.pop("head", {})
        for given, kind in ((values, cls), (head, ActionHeadConfig)):
            check_keys(given, Place(field=kind.__name__), [f.name for f in fields(kind)])
        return cls(**values, head=ActionHeadConfig(**head))

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, strings and dictionaries."""
        values = asdict(self)
        if not self.head.max_prefix:
            del values["head"]["max_prefix"]  # a policy that takes no prefix is written as it always was
        for name in ("state_at_action", "forward_only"):
            if not values[name]:
                del values[name]
        return values

    @property
    def action_dim(self) -> int:
        """N."""
        return sum(self.groups.values())


class ActionPolicy(nn.Module):
    """Standardise, fuse, decode.

    The encoders' features differ in scale by two orders (pooled activations, image coordinates in [-1, 1]), so each is
    standardised by the mean and standard deviation of the training data, which travel with the weights as buffers.
    """

    vision_mean: Tensor
    vision_std: Tensor
    audio_mean: Tensor
    audio_std: Tensor
    rolled: Tensor | None  # (J,) bool: joints whose state is that at the action
    head: ActionHead

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        self.config = config
        self.proprioception = ProprioceptionEncoder(
            config.num_joints, output_dim=config.proprioception_dim, added=config.proprioception_added
        )
        audio_dim = config.audio_dim if config.use_audio else 0
        self.fusion = Fusion(config.vision_dim, audio_dim, config.proprioception_dim, config.bottleneck_dim)
        head = _build_head(config)
        if head.token_dim != config.token_dim or (config.num_tokens and not head.multi_modal):
            raise ConfigError(
                f"PolicyConfig: tokens of width {config.token_dim or 'none'} need a head that draws and looks at tokens of that width, but "
                f"the head '{config.head_type}' with the options {dict(config.head_options)} looks at {head.token_dim or 'none'}"
            )
        if config.state_relative:
            relative = [i < config.num_joints and i not in config.absolute for i in range(config.action_dim)]
            head = StateRelativeHead(head, config.action_dim, config.head.num_action_steps, relative, config.relative_scale)
        self.head = head
        self.draws = head.multi_modal  # `forward` turns noise into a draw, and therefore takes noise
        self.num_tokens = config.num_tokens  # T; 0 where `forward` takes no tokens
        self.max_prefix = config.head.max_prefix  # D; 0 where `forward` takes no prefix, or is `forward_only`
        self.forward_only = config.forward_only
        if config.forward_only and not head.takes_start:
            raise ConfigError(
                f"PolicyConfig.forward_only needs a head that starts from noise alone, but the head '{config.head_type}' "
                f"{'also has a member that does not' if head.multi_modal else 'draws nothing'}"
            )
        rolled = [i not in config.absolute for i in range(config.num_joints)]
        self.register_buffer("rolled", torch.tensor(rolled) if config.state_at_action else None, persistent=False)
        for name, dim in (("vision", config.vision_dim), ("audio", config.audio_dim)):
            self.register_buffer(f"{name}_mean", torch.zeros(dim))
            self.register_buffer(f"{name}_std", torch.ones(dim))

    def set_feature_statistics(self, vision_mean: Tensor, vision_std: Tensor, audio_mean: Tensor, audio_std: Tensor) -> None:
        """Store the training data's mean and standard deviation of each feature: (vision_dim,) and (audio_dim,), tensors or arrays.

        Raises:
            ConfigError: a shape is wrong or a value is not finite.
        """
        given = {"vision_mean": vision_mean, "vision_std": vision_std, "audio_mean": audio_mean, "audio_std": audio_std}
        for name, values in given.items():
            buffer = getattr(self, name)
            values = torch.as_tensor(values, dtype=buffer.dtype)
            if values.shape != buffer.shape or not torch.isfinite(values).all():
                raise ConfigError(f"{name} has shape {tuple(values.shape)}, needs finite values of shape {tuple(buffer.shape)}")
            buffer.copy_(values.clamp(min=MIN_STD) if name.endswith("_std") else values)

    def forward(
        self,
        vision: Tensor,
        audio: Tensor,
        proprioception: Tensor,
        noise: Tensor | None = None,
        tokens: Tensor | None = None,
        token_mask: Tensor | None = None,
        prefix: Tensor | None = None,
        prefix_length: Tensor | None = None,
        known_length: Tensor | None = None,
    ) -> Tensor:
        """Features (B, vision_dim), (B, audio_dim) and normalised joint positions (B, J) -> (B, S, N) normalised actions.

        A generative head also takes its noise (B, S, N) here, so that the policy is a function that can be repeated and exported; and
        where the configuration says so, tokens (B, T, token_dim) and their mask (B, T), 1 for a token and 0 for padding. A policy with
        `max_prefix` > 0 goes on from the committed steps: prefix (B, S, N), normalised actions, and prefix_length (B,), whole numbers; one
        that is `forward_only` takes known_length (B,), too.
        """
        proprioception = self._at_action(proprioception, prefix, prefix_length)
        inputs = self._head_inputs(proprioception, tokens, token_mask) | ({} if noise is None else {"noise": noise})
        inputs |= prefix_inputs(prefix, prefix_length, known_length)
        result: Tensor = self.head(self.features(vision, audio, proprioception), **inputs)
        return result

    def features(self, vision: Tensor, audio: Tensor, proprioception: Tensor, known: Tensor | None = None) -> Tensor:
        """What the head reads, (B, vision_dim). `known` (B, 3) is 0 where a sample's camera, sound or joints count as unknown, else 1."""
        seen = _standardise(vision, self.vision_mean, self.vision_std)
        heard = _standardise(audio, self.audio_mean, self.audio_std)
        felt = self.proprioception(proprioception)
        if known is not None:
            seen, heard, felt = (x * k for x, k in zip((seen, heard, felt), known.unsqueeze(-1).unbind(1), strict=True))
        result: Tensor = self.fusion(seen, heard if self.config.use_audio else heard[:, :0], felt)
        return result

    def compute_loss(
        self,
        vision: Tensor,
        audio: Tensor,
        proprioception: Tensor,
        target: Tensor,
        mask: Tensor | None = None,
        tokens: Tensor | None = None,
        token_mask: Tensor | None = None,
        known: Tensor | None = None,
        prefix_length: Tensor | None = None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted loss to minimise, and each group's own loss.

        Args:
            target: (B, S, N) normalised actions; mask: (B, S), 1 for a recorded step and 0 for a padded one.
            tokens, token_mask: as of `forward`; known: (B, 3), as of `features`; what a prediction is relative to stays known.
            prefix_length: (B,) of so many steps the target is given, and the others count.
        """
        proprioception = self._at_action(proprioception, target, prefix_length)
        features = self.features(vision, audio, proprioception, known)
        inputs = self._head_inputs(proprioception, tokens, token_mask)
        if prefix_length is not None:
            inputs["prefix_length"] = prefix_length
        error = self.head.error(features, target, mask, **inputs)
        if prefix_length is not None:
            mask = without_given(torch.ones_like(target[..., 0]) if mask is None else mask, prefix_length)
        return grouped_loss(error, self.config.groups, self.config.loss_weights, mask, self.config.loss_reduction)

    def _at_action(self, proprioception: Tensor, prefix: Tensor | None, prefix_length: Tensor | None) -> Tensor:
        """(B, J) where the joints are at the first step that is free, if the configuration says so: at the last committed one.

        A policy that computes for d steps acts on a robot that has moved on (Tang et al. 2025, VLASH, arXiv 2512.01031). In training the
        target's own steps lead there, so that both are the same function. Grippers stay as they were measured, which tells a grasp.
        """
        if self.rolled is None or prefix is None or prefix_length is None:
            return proprioception
        committed = read_prefix(self.head, prefix, prefix_length)
        assert committed is not None  # both are there
        last = committed.at_last(committed.clean)[:, 0, : self.config.num_joints]
        return torch.where(self.rolled & (prefix_length > 0).unsqueeze(-1), last, proprioception)

    def _head_inputs(self, proprioception: Tensor, tokens: Tensor | None, token_mask: Tensor | None) -> dict[str, Tensor]:
        state = F.pad(proprioception, (0, self.config.action_dim - self.config.num_joints)) if self.config.absolute else proprioception
        inputs = {"current_state": state} if self.config.state_relative else {}
        if (tokens is None or token_mask is None) != (self.config.num_tokens == 0):
            given = "none" if tokens is None or token_mask is None else str(tuple(tokens.shape[1:]))
            raise ConfigError(f"the policy reads {self.config.num_tokens} tokens of width {self.config.token_dim}, but was given {given}")
        if tokens is not None and token_mask is not None:
            # Each token is standardised by itself: a few directions of a large model's tokens are hundreds of times longer than the rest.
            inputs |= {"tokens": F.layer_norm(tokens, tokens.shape[-1:]), "token_mask": token_mask}
        return inputs


def _build_head(config: PolicyConfig) -> ActionHead:
    if config.head_type == "grouped":
        return GroupedActionHead(config.head, config.groups)
    sizes = {"input_dim": config.vision_dim, "action_dim": config.action_dim, "num_steps": config.head.num_action_steps}
    sizes |= {"max_prefix": config.head.max_prefix} if config.head.max_prefix else {}  # heads of one's own need not take it
    return build_head({"type": config.head_type, **sizes, **config.head_options})


def _standardise(x: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    return ((x - mean) / std).clamp(-FEATURE_LIMIT, FEATURE_LIMIT)
