"""Two short real recordings of the simulated robot, for the tests that read recordings and those that train from them."""

from pathlib import Path

import numpy as np
import pytest

from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.robot_file import load_robot


@pytest.fixture(scope="session")
def robot() -> Robot:
    return load_robot("g1.yaml")


@pytest.fixture(scope="session")
def space(robot: Robot) -> ActionSpace:
    return ActionSpace.from_robot(robot, "arms_only")


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory, robot: Robot, space: ActionSpace) -> Path:
    """A folder with two bags of 0.8 s."""
    from neon_control.sim.demonstration import Demonstrator

    folder = tmp_path_factory.mktemp("recordings")
    demonstrator = Demonstrator(robot, space.joint_names, (320, 240))
    demonstrator.record_take([folder / f"take_00000_{i}" for i in range(2)], np.random.default_rng(5), 0.8, "take 0")
    return folder
