"""Small random policies for the tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.robot_file import load_robot
from neon_control.model.action_heads import ActionHeadConfig
from neon_control.model.policy import ActionPolicy, PolicyConfig
from neon_control.runtime.encoders.backbone import BackboneSpec
from neon_control.runtime.export.policy_export import export_policy


def random_module(space: ActionSpace, seed: int = 0, num_steps: int = 16, max_prefix: int = 0, **options: Any) -> ActionPolicy:
    """A narrow ActionPolicy with random weights."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    width = options.get("vision_dim", 2048)
    head = ActionHeadConfig(hidden_size=width, mlp_hidden=24, num_action_steps=num_steps, max_prefix=max_prefix)
    module = ActionPolicy(PolicyConfig.from_action_space(space, bottleneck_dim=32, head=head, **options))
    with torch.no_grad():  # heads start with outputs near zero; make them differ from input to input
        for name, parameter in module.named_parameters():
            if name.endswith("output.weight"):
                parameter.mul_(10.0)
            if "prefix" in name:
                parameter.add_(0.1 * torch.randn_like(parameter))
    return module.eval()


def write_policy(
    folder: Path,
    mode: str = "arms_only",
    weights: str = "float16",
    vision: BackboneSpec | None = None,
    robot_file: str | Path = "g1.yaml",
    dt: float = 0.02,
    **options: Any,
) -> tuple[ActionPolicy, ActionSpace, Robot]:
    """Export a random policy into `folder`."""
    robot = load_robot(robot_file)
    space = ActionSpace.from_robot(robot, mode)
    module = random_module(space, **options, **({"vision_dim": vision.features} if vision else {}))
    export_policy(
        module,
        folder,
        space,
        robot=robot.name,
        action_layer=module.config.to_dict(),
        training={"seed": 0},
        dt=dt,
        num_steps=module.config.head.num_action_steps,
        use_audio=module.config.use_audio,
        vision=vision,
        weights=weights,
    )
    return module, space, robot
