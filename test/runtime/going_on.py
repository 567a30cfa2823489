"""A policy that can be told what is committed, whose every number can be foreseen, and a backbone that sees nothing but brightness.

    without a prefix   all steps of a chunk are the target: the brightness of the image, between -SCALE and +SCALE of each joint's range
    with one           its rows, then from its last row towards the target, by 1 - exp(-1 / 4) of what is left in each step

So a chunk that was conditioned moves from row to row, and one that was not is constant. Also a plugin for nodes: `plugins: [going_on]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.robot_file import load_robot
from neon_control.runtime.encoders.backbone import Backbone, BackboneOptions, BackboneSpec, Encoded
from neon_control.runtime.encoders.registry import register_backbone
from neon_control.runtime.export.policy_export import export_policy

SCALE = 0.4  # of half a joint's range
FEATURES = 4


class Brightness(Backbone):
    """The mean brightness of the newest image, from -1 to 1, several times."""

    name, revision, hidden_size = "brightness", "1", FEATURES

    def encode(
        self, clips: Sequence[Sequence[np.ndarray]], instruction: str = "", audio: Sequence[np.ndarray] = (), tokens: bool = False
    ) -> Encoded:
        return Encoded(np.array([[clip[-1].mean() / 127.5 - 1.0] * FEATURES for clip in clips], np.float32))


@register_backbone("brightness")
def load(spec: BackboneSpec, folder: Path, options: BackboneOptions) -> Backbone:
    return Brightness()


class GoingOn(nn.Module):
    """See the module's text."""

    def __init__(self, space: ActionSpace, num_steps: int, max_prefix: int, scale: float) -> None:
        super().__init__()
        self.max_prefix, self.num_steps = max_prefix, num_steps
        self.look = nn.Linear(FEATURES, space.dim, bias=False)
        with torch.no_grad():
            self.look.weight[:] = scale / FEATURES
            self.look.weight[space.num_joints :] = 0.0  # the base stands

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
    ) -> Tensor:
        unread = 0.0 * (audio.mean(1) + proprioception.mean(1))  # (B,) an exported graph keeps what it is given
        target = (self.look(vision) + unread[:, None])[:, None]  # (B, 1, N)
        if prefix is None or prefix_length is None:
            return target.expand(-1, self.num_steps, -1) * 1.0
        steps = torch.arange(self.num_steps)[None, :, None]
        length = prefix_length[:, None, None]  # (B, 1, 1)
        last = (prefix * (steps == length - 1)).sum(1, keepdim=True)  # (B, 1, N)
        left = torch.exp(-(steps - length + 1).clamp(min=0) / 4.0)  # (B, H, 1)
        goes_on = target + left * (last - target)
        return torch.where(steps < length, prefix, torch.where(length > 0, goes_on, target))


def write_going_on(
    folder: Path,
    robot_file: str | Path = "g1.yaml",
    mode: str = "arms_only",
    dt: float = 0.02,
    num_steps: int = 16,
    max_prefix: int = 8,
    scale: float = SCALE,
) -> ActionSpace:
    """Export it into `folder`."""
    torch.set_num_threads(1)
    robot = load_robot(robot_file)
    space = ActionSpace.from_robot(robot, mode)
    export_policy(
        GoingOn(space, num_steps, max_prefix, scale),
        folder,
        space,
        robot=robot.name,
        action_layer={},
        training={},
        dt=dt,
        num_steps=num_steps,
        use_audio=False,
        vision=BackboneSpec("brightness", "1", FEATURES),
        weights="float32",
    )
    return space
