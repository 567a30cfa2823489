"""The drawn path is where the simulated hands would be."""

from __future__ import annotations

import numpy as np
import pytest

from neon_control.core.robot import load_robot
from neon_control.sim.world import World
from neon_control.tools.hand_path import HandPath, integrate_base


@pytest.mark.parametrize("file", ["g1.yaml", "arm6.yaml"])
def test_the_path_agrees_with_the_simulated_world(file: str) -> None:
    robot = load_robot(file)
    world, path = World(robot), HandPath(robot)
    rng = np.random.default_rng(0)
    names = world.joint_names
    arms = [n for n in names if n in robot.parts["arms"] or n in robot.parts["torso"]]
    poses = np.array([[rng.uniform(0.3 * robot.joints[n].lower, 0.3 * robot.joints[n].upper) for n in arms] for _ in range(4)])
    bases = rng.uniform(-0.5, 0.0, (4, 3))
    paths = path.hands(tuple(arms), poses, bases)
    for row in range(4):
        world.place_joints(names, np.zeros(len(names)))
        world.place_joints(tuple(arms), poses[row])
        world.place_base(bases[row])
        for side, position in world.hand_positions.items():
            assert np.allclose(paths[side][row], position, atol=1e-9)
    assert path.root_position == pytest.approx(world.description.mount)


def test_a_straight_drive_and_a_full_turn_end_where_they_must() -> None:
    straight = integrate_base(np.array([0.0, 0.0, np.pi / 2]), np.tile([1.0, 0.0, 0.0], (11, 1)), 0.1)
    assert np.allclose(straight[-1], [0.0, 1.0, np.pi / 2])
    circle = integrate_base(np.zeros(3), np.tile([1.0, 0.0, 2 * np.pi], (10001, 1)), 1e-4)
    assert np.allclose(circle[-1], [0.0, 0.0, 2 * np.pi], atol=1e-3)
