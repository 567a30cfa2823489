from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from carry_rig import Carrier

from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.robot_file import load_robot
from neon_control.sim.episode import Outcome
from neon_control.sim.expert import ARM_SPEED
from neon_control.sim.picking import TRAVEL, TURN, PickExpert, approach, nearest_quarter, pointing
from neon_control.sim.world import TABLE_TOP, World

DT = 0.02  # [s]
Scene = tuple[World, PickExpert]


def scene(robot_file: str) -> Scene:
    robot = load_robot(robot_file)
    return World(robot), PickExpert(robot, ActionSpace.from_robot(robot, "arms_hands").joint_names, DT)


@pytest.fixture(scope="module")
def arm() -> Scene:
    return scene("arm6_gripper.yaml")


@pytest.fixture(scope="module")
def humanoid() -> Scene:
    return scene("g1_hand.yaml")


def follow(of: Scene, colour: str | None, command: np.ndarray, until: Callable[[World], bool], limit: float) -> np.ndarray:
    """Let the expert act until something is so; the joint targets then."""
    world, expert = of
    for _ in range(round(limit / DT)):
        if until(world):
            return command
        action = expert.act(world, command, colour)
        assert np.abs(np.delete(action.joints - command, [g.joint for g in expert.grasps.values()])).max() <= ARM_SPEED * DT + 1e-9
        command = action.joints
        world.command_joints(expert.joint_names, command)
        world.command_base(action.base if world.has_base else np.zeros(3))
        world.step(DT)
    raise AssertionError(f"not within {limit} s: cubes at {world.cube_positions}, hands at {world.hand_positions}")


@pytest.mark.parametrize(("robot", "seed"), [("arm", 0), ("arm", 1), ("arm", 2), ("humanoid", 0), ("humanoid", 1)])
def test_the_named_cube_comes_to_rest_in_the_tray_and_the_other_is_left_alone(
    robot: str, seed: int, request: pytest.FixtureRequest
) -> None:
    of: Scene = request.getfixturevalue(robot)
    colour, other = ("red", "blue") if seed % 2 else ("blue", "red")
    of[0].reset(np.random.default_rng(seed))
    follow(of, colour, of[1].home, lambda world: world.placed(colour), 20.0)
    assert other not in of[0].touched


def test_it_does_the_same_through_executor_and_controllers() -> None:
    robot = Carrier("arm6_gripper.yaml")
    robot.begin(5, 0)
    assert robot.finish() is Outcome.SUCCESS


def test_a_cube_is_held_by_friction_alone_and_falls_when_the_fingers_open(arm: Scene) -> None:
    world, expert = arm
    world.reset(np.random.default_rng(2))
    command = follow(arm, "red", expert.home, lambda world: world.cube_positions["red"][2] > TABLE_TOP + 0.08, 10.0)
    grasp = expert.grasps["hand"]
    before = world.cube_positions["red"] - world.hand_positions["hand"]
    world.step(3.0)
    crept = world.cube_positions["red"] - world.hand_positions["hand"] - before
    assert world.is_held("red") and np.abs(crept).max() < 0.003
    command[grasp.joint] = grasp.open
    world.command_joints(expert.joint_names, command)
    world.step(0.7)
    assert not world.is_held("red") and world.cube_positions["red"][2] < TABLE_TOP + 1.1 * world.half_edge


def test_without_a_command_it_goes_home_and_holds_on_to_what_it_holds(arm: Scene) -> None:
    world, expert = arm
    world.reset(np.random.default_rng(2))
    command = follow(arm, "red", expert.home, lambda world: world.cube_positions["red"][2] > TABLE_TOP + 0.08, 10.0)
    arm_joints = [i for i in range(len(command)) if i != expert.grasps["hand"].joint]
    follow(arm, None, command, lambda world: np.abs((world.joint_positions - expert.home)[arm_joints]).max() < 0.03, 5.0)
    assert world.is_held("red")


def test_another_colour_makes_it_put_down_what_it_holds(arm: Scene) -> None:
    world, expert = arm
    world.reset(np.random.default_rng(2))
    command = follow(arm, "red", expert.home, lambda world: world.cube_positions["red"][2] > TABLE_TOP + 0.05, 10.0)
    command = follow(arm, "blue", command, lambda world: not world.is_held("red"), 5.0)
    assert world.cube_positions["red"][2] < TABLE_TOP + world.half_edge + 0.02, "put down, not dropped"
    follow(arm, "blue", command, lambda world: world.placed("blue"), 15.0)


def test_far_from_its_goal_the_hand_rises_before_it_moves_to_the_side() -> None:
    target = np.array([0.3, 0.0, TABLE_TOP + 0.025])
    low, high = np.array([0.0, 0.0, TABLE_TOP + 0.03]), np.array([0.0, 0.0, TABLE_TOP + TRAVEL])
    assert approach(low, target) == pytest.approx([0.0, 0.0, TABLE_TOP + TRAVEL])
    assert approach(high, target) == pytest.approx([0.3, 0.0, TABLE_TOP + TRAVEL])
    assert approach(target + np.array([0.005, 0.0, 0.1]), target) == pytest.approx(target)


@pytest.mark.parametrize("angle", np.linspace(-3.0, 3.0, 13))
def test_a_cube_is_grasped_at_the_sides_that_are_nearest(angle: float) -> None:
    for now in (-0.8, 0.0, 0.8):
        turn = nearest_quarter(angle, now)
        assert abs(turn) < TURN and abs(np.sin(2.0 * (turn - angle))) < 1e-9
        assert abs(turn - now) <= np.pi / 4.0 + 1e-9 or abs(now) > TURN - np.pi / 4.0


def test_a_hand_that_points_down_closes_along_its_heading() -> None:
    frame = pointing(0.3, np.pi / 2.0)
    assert frame[:, 0] == pytest.approx([0.0, 0.0, -1.0]) and frame[:, 1] == pytest.approx([-np.sin(0.3), np.cos(0.3), 0.0])
    assert np.linalg.det(pointing(-0.7, 0.6)) == pytest.approx(1.0)
