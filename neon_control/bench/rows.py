"""The heads that `neon_control bench` has a row for, built alike for every table."""

from __future__ import annotations

from typing import Any

import torch

from neon_control.core.robot.action_space import MODES, ActionSpace
from neon_control.core.robot.robot import load_robot
from neon_control.model.action_heads import ActionHead, build_head, group_sizes

INPUT_DIM = 2048
# How a row is named -> the configuration of the head; the grouped ones of the robot's modes are added to these.
HEADS: dict[str, dict[str, Any]] = {
    "mlp": {"type": "mlp"},
    "chunking": {"type": "chunking"},
    "flow": {"type": "flow"},
    "dit": {"type": "dit"},
    "state_relative": {"type": "state_relative", "inner": {"type": "chunking"}},
    "ensemble": {"type": "ensemble"},
}
GROUPED = {f"grouped/{mode}": mode for mode in MODES}


def random_head(name: str, robot: str) -> ActionHead:
    """A row's head with random weights, always the same ones."""
    torch.manual_seed(0)
    head = build_head(head_config(name, robot)).eval()
    with torch.no_grad():
        for parameter in head.parameters():  # norms, biases and residual scales start at 0 or 1: make every one of them count
            if parameter.dim() < 2:
                parameter.add_(0.1 * torch.randn_like(parameter))
    return head


def head_config(name: str, robot: str) -> dict[str, object]:
    """The configuration of a row's head."""
    if name in HEADS:
        return {"input_dim": INPUT_DIM, "action_dim": 17, "num_steps": 16, **HEADS[name]}
    groups = group_sizes(ActionSpace.from_robot(load_robot(robot), GROUPED[name]))
    return {"type": "grouped", "input_dim": INPUT_DIM, "action_dim": sum(groups.values()), "num_steps": 16, "groups": groups}
