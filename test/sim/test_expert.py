import numpy as np
import pytest

from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.robot_file import load_robot
from neon_control.sim.description import load_description
from neon_control.sim.episode import RADIUS
from neon_control.sim.expert import ARM_SPEED, BASE_SPEED, Expert, base_velocity, funnel_point
from neon_control.sim.world import World

ROBOT = load_robot("g1.yaml")
JOINTS = ActionSpace.from_robot(ROBOT, "arms_only").joint_names
DT = 0.02


@pytest.fixture(scope="module")
def world() -> World:
    return World(ROBOT)


@pytest.fixture(scope="module")
def expert() -> Expert:
    return Expert(ROBOT, JOINTS, DT)


@pytest.fixture(scope="module")
def arm() -> World:
    return World(load_robot("arm6.yaml"))


@pytest.fixture(scope="module")
def arm_expert(arm: World) -> Expert:
    return Expert(load_robot("arm6.yaml"), arm.joint_names, DT)


@pytest.mark.parametrize(("seed", "colour", "other"), [(s, *pair) for s in range(4) for pair in (("red", "blue"), ("blue", "red"))])
def test_it_reaches_the_named_cube_and_leaves_the_other_alone(world: World, expert: Expert, seed: int, colour: str, other: str) -> None:
    world.reset(np.random.default_rng(seed))
    command = expert.home
    for _ in range(round(6.0 / DT)):
        action = expert.act(world, command, colour)
        assert np.abs(action.joints - command).max() <= ARM_SPEED * DT + 1e-9
        assert np.all(np.abs(action.base) <= BASE_SPEED + 1e-9)
        command = action.joints
        world.command_joints(JOINTS, command)
        world.command_base(action.base)
        world.step(DT)
    assert world.hand_distance(colour) < RADIUS
    assert other not in world.touched


@pytest.mark.parametrize("seed", range(4))
def test_an_arm_without_a_base_reaches_too(arm: World, arm_expert: Expert, seed: int) -> None:
    colour, other = ("red", "blue") if seed % 2 else ("blue", "red")
    arm.reset(np.random.default_rng(seed))
    command = arm_expert.home
    for _ in range(round(3.0 / DT)):
        action = arm_expert.act(arm, command, colour)
        assert action.base.shape == (0,)
        command = action.joints
        arm.command_joints(arm_expert.joint_names, command)
        arm.step(DT)
    assert arm.hand_distance(colour) < RADIUS
    assert other not in arm.touched
    assert np.abs(command - arm.joint_positions).max() < 0.01  # (6,), all of them commanded


def test_without_a_command_it_goes_home_and_stands_still(world: World, expert: Expert) -> None:
    world.reset(np.random.default_rng(0))
    command = expert.home + 0.3
    for _ in range(200):
        action = expert.act(world, command, None)
        assert np.all(action.base == 0.0)
        command = action.joints
    assert np.abs(command - expert.home).max() < 0.01


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("forward", [0.31, 0.36, 0.40])
@pytest.mark.parametrize("outward", [0.06, 0.15, 0.24])
def test_inverse_kinematics_puts_the_fingertip_there(world: World, expert: Expert, side: str, forward: float, outward: float) -> None:
    point = np.array([forward, outward if side == "left" else -outward, 0.81])
    pose = expert.reach_pose(side, point)
    world.reset(np.random.default_rng(0))
    world.place_base(np.array([-0.3, 0.1, 0.0]))
    world.place_joints(JOINTS, pose)
    hand = world.hand_positions[side] - np.array([-0.3, 0.1, 0.0])
    assert np.linalg.norm(hand - point) < 0.006
    for name, position in zip(JOINTS, pose, strict=True):
        assert ROBOT.joints[name].safe_lower <= position <= ROBOT.joints[name].safe_upper


def test_inverse_kinematics_is_continuous(expert: Expert) -> None:
    line = [np.array([0.36, y, 0.82]) for y in np.linspace(0.06, 0.24, 60)]
    poses = np.array([expert.reach_pose("left", p) for p in line])
    assert np.abs(np.diff(poses, axis=0)).max() < 0.05


def test_the_base_stands_still_when_the_cube_is_in_the_box() -> None:
    base = load_description(ROBOT).base
    assert base is not None
    velocity, error = base_velocity(np.array([0.35, -0.15, 0.77]), 0.0, -1.0, base.reach_box)
    assert error == 0.0 and np.all(velocity == 0.0)
    velocity, error = base_velocity(np.array([0.7, 0.5, 0.77]), 0.1, 1.0, base.reach_box)
    assert error > 0.3 and velocity[0] > 0 and velocity[1] > 0 and velocity[2] < 0


def test_the_hand_comes_from_above() -> None:
    cube = np.array([0.35, 0.1, 0.77])
    beside = funnel_point(cube, np.array([0.35, 0.25, 0.8]))
    above = funnel_point(cube, np.array([0.35, 0.1, 0.85]))
    assert beside[2] > above[2] + 0.05 and np.array_equal(beside[:2], cube[:2])
