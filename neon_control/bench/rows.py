"""The heads that `neon_control bench` has a row for, built alike for every table."""

from __future__ import annotations

import torch

from neon_control.core.robot.action_space import MODES, ActionSpace
from neon_control.core.robot.robot_file import load_robot
from neon_control.model.action_heads import ActionHead, build_head, group_sizes
from neon_control.model.action_heads.factory import BUILT_IN

INPUT_DIM = 2048
# How a row is named -> the configuration of the head; the grouped ones of the robot's modes are added to these.
HEADS = {name: {"type": name, **head.needs} for name, head in BUILT_IN.items() if name != "grouped"}
GROUPED = {f"grouped/{mode}": mode for mode in MODES}


def random_head(name: str, robot: str) -> ActionHead:
    """A row's head with random weights, always the same ones."""
    torch.manual_seed(0)
    config = HEADS.get(name) or {"type": "grouped", "groups": group_sizes(ActionSpace.from_robot(load_robot(robot), GROUPED[name]))}
    head = build_head({"input_dim": INPUT_DIM, "action_dim": 17, "num_steps": 16, **config}).eval()
    with torch.no_grad():
        for parameter in head.parameters():  # norms, biases and residual scales start at 0 or 1: make every one of them count
            if parameter.dim() < 2:
                parameter.add_(0.1 * torch.randn_like(parameter))
    return head
