import numpy as np
import pytest

from neon_control.core.robot.robot_file import load_robot
from neon_control.sim.world import (
    CUBE_HALF_EDGE,
    MIN_CUBE_SEPARATION,
    TABLE_TOP,
    World,
    random_cubes,
)

ROBOT = load_robot("g1.yaml")


@pytest.fixture(scope="module")
def shared() -> World:
    return World(ROBOT, (320, 240))


@pytest.fixture
def world(shared: World) -> World:
    shared.reset(np.random.default_rng(3))
    return shared


@pytest.fixture(scope="module")
def shared_arm() -> World:
    return World(load_robot("arm6.yaml"), (320, 240))


@pytest.fixture(params=["g1", "arm6"])
def either(request: pytest.FixtureRequest, shared: World, shared_arm: World) -> World:
    """Any of the two robots."""
    world = shared if request.param == "g1" else shared_arm
    world.reset(np.random.default_rng(3))
    return world


def test_it_has_all_joints_and_the_legs_stand_still(world: World) -> None:
    assert world.joint_names == tuple(ROBOT.joints)
    world.step(0.5)
    legs = [i for i, n in enumerate(world.joint_names) if any(p in n for p in ("hip", "knee", "ankle"))]
    assert len(legs) == 12 and np.all(world.joint_positions[legs] == 0.0)


def test_the_servos_hold_the_home_pose_against_gravity(either: World) -> None:
    either.step(2.0)
    assert np.abs(either.joint_positions - either.description.home_positions(either.joint_names)).max() < 0.01


def test_an_arm_without_a_base_stays_where_it_is_bolted(shared_arm: World) -> None:
    shared_arm.reset(np.random.default_rng(3))
    root = shared_arm.model.body("base_link").id
    before = shared_arm.data.xpos[root].copy()
    shared_arm.command_joints(shared_arm.joint_names, np.array([0.5, 0.0, 0.3, 0.0, 0.5, 0.0]))
    shared_arm.command_base(np.array([0.3, 0.0, 0.0]))  # nothing follows it
    shared_arm.step(0.5)
    assert np.array_equal(shared_arm.data.xpos[root], before) and before == pytest.approx(shared_arm.description.mount)
    assert np.array_equal(shared_arm.base_pose, np.zeros(3)) and np.array_equal(shared_arm.base_velocity, np.zeros(3))


def test_a_commanded_joint_arrives_and_is_mapped_by_name(world: World) -> None:
    world.command_joints(("right_elbow_joint", "left_elbow_joint"), np.array([0.4, -0.6]))
    world.step(1.0)
    assert world.joint_positions[world.joint_names.index("right_elbow_joint")] == pytest.approx(0.4, abs=0.01)
    assert world.joint_positions[world.joint_names.index("left_elbow_joint")] == pytest.approx(-0.6, abs=0.01)


def test_the_base_moves_in_its_own_frame(world: World) -> None:
    world.place_base(np.array([-0.5, 0.0, np.pi / 2]))
    world.command_base(np.array([0.2, 0.0, 0.0]))  # forward, which is the world's y here
    world.step(1.0)
    assert world.base_pose == pytest.approx([-0.5, 0.2, np.pi / 2], abs=0.02)
    assert world.base_velocity == pytest.approx([0.2, 0.0, 0.0], abs=0.02)


def test_the_base_cannot_enter_the_table(world: World) -> None:
    world.place_base(np.array([-0.3, 0.0, 0.0]))
    world.command_base(np.array([0.5, 0.0, 0.0]))
    world.step(3.0)
    assert world.base_pose[0] < -0.15


def test_cubes_lie_on_the_table_where_they_may(either: World) -> None:
    either.step(0.3)
    for position in either.cube_positions.values():
        assert position[2] == pytest.approx(TABLE_TOP + CUBE_HALF_EDGE, abs=0.005)
    rng = np.random.default_rng(0)
    for _ in range(200):
        first, second = random_cubes(rng, either.description.cubes)
        assert np.linalg.norm(first - second) >= MIN_CUBE_SEPARATION
        for place in (first, second):
            assert all(low <= value <= high for value, (low, high) in zip(place, either.description.cubes, strict=True))


def test_the_camera_sees_both_cubes_in_their_colours(either: World) -> None:
    image = either.render().astype(int)
    assert image.shape == (240, 320, 3)
    red, green, blue = image[..., 0], image[..., 1], image[..., 2]
    assert ((red > 2 * green) & (red > 2 * blue) & (red > 80)).sum() > 30
    assert ((blue > 2 * green) & (blue > 2 * red) & (blue > 80)).sum() > 30


def test_touching_a_cube_is_noticed(either: World) -> None:
    either.step(0.1)
    assert either.touched == set()
    hand = next(iter(either.hand_positions.values()))
    start = either.model.joint("red_cube").qposadr[0]
    either.data.qpos[start : start + 3] = hand
    either.step(0.01)
    assert either.touched == {"red"}
    assert either.hand_distance("red") < 0.1


def test_the_distance_is_to_the_cube_s_surface_also_when_it_is_turned(world: World) -> None:
    hand = world.hand_positions["right"]
    for yaw, corner in ((0.0, CUBE_HALF_EDGE), (np.pi / 4, np.sqrt(2.0) * CUBE_HALF_EDGE)):
        world.place_cubes(np.add(hand[:2], (corner + 0.04, 0.0)), np.array([0.3, 0.3]), yaw=np.array([yaw, 0.0]))
        start = world.model.joint("red_cube").qposadr[0]
        world.data.qpos[start + 2] = hand[2]
        world.place_base(world.base_pose)  # updates the geometry without a step
        assert world.hand_distance("red") == pytest.approx(0.04, abs=1e-6)
    world.data.qpos[start : start + 3] = hand
    world.place_base(world.base_pose)
    assert world.hand_distance("red") == 0.0


def test_the_same_seed_gives_the_same_episode(world: World) -> None:
    def snapshot() -> np.ndarray:
        world.reset(np.random.default_rng(11))
        world.step(0.2)
        return np.concatenate([world.base_pose, *world.cube_positions.values(), world.joint_positions])

    assert np.array_equal(snapshot(), snapshot())
