import numpy as np

from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.robot_file import load_robot
from neon_control.sim.picking import PickExpert
from neon_control.sim.picking_start import begin_picking
from neon_control.sim.world import World


def test_recordings_begin_before_during_and_after_the_carry_and_what_is_held_stays_held() -> None:
    robot = load_robot("arm6_gripper.yaml")
    world = World(robot)
    expert = PickExpert(robot, ActionSpace.from_robot(robot, "arms_hands").joint_names, 0.02)
    found = {"held": 0, "in_tray": 0, "neither": 0}
    for seed in range(40):
        command, colour = begin_picking(world, expert, np.random.default_rng(seed))
        closed = command[expert.grasps["hand"].joint] == expert.grasps["hand"].closed
        assert not closed or world.is_held(colour)
        found["held" if closed else "in_tray" if world.in_tray(colour) else "neither"] += 1
        world.step(0.5)
        assert not closed or world.is_held(colour)
        assert np.array_equal(
            command, np.clip(command, robot.limits(expert.joint_names, "lower"), robot.limits(expert.joint_names, "upper"))
        )
    assert min(found.values()) >= 3, found
