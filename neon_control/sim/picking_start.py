"""Where a recording of picking may begin: anywhere on the way, so that the policy has seen how the expert comes back from there.

| share | the world                                                                                              |
|-------|--------------------------------------------------------------------------------------------------------|
| 0.4   | an episode's begin: at home                                                                            |
| 0.35  | open fingers somewhere above or around a cube                                                          |
| 0.15  | a cube is held, between its place on the table and the tray                                            |
| 0.1   | a cube lies in the tray, fingers around it or above                                                    |
"""

from __future__ import annotations

import numpy as np

from neon_control.sim.expert import in_base
from neon_control.sim.picking import TRAVEL, PickExpert, nearest_quarter
from neon_control.sim.world import CUBE_COLOURS, TABLE_TOP, TIMESTEP, World

SHARES = (0.4, 0.75, 0.9)  # up to which a number in [0, 1) means the first, second and third row
CLOSING_STEPS = 60  # within which a gripper has closed on what is held in place for it
JOINT_NOISE = 0.02  # [rad]


def begin_picking(world: World, expert: PickExpert, rng: np.random.Generator) -> tuple[np.ndarray, str]:
    """Put the world into a random state; the joint targets in force (J,), and the colour of the cube that it is about."""
    world.reset(rng)
    colour = str(rng.permutation(list(CUBE_COLOURS))[0])
    row = int(np.searchsorted(SHARES, rng.random(), side="right"))
    sides = list(world.description.hands)
    side = sides[rng.integers(len(sides))]
    grasp = expert.grasps[side]
    pose: np.ndarray = expert.home + _noise(expert, rng)
    if row == 0:
        world.place_joints(expert.joint_names, pose)
        return pose, colour
    tray = world.tray_place
    cube = world.cube_positions[colour]
    if row == 1:
        spread = 0.06 * rng.random()
        point = cube + np.array([*rng.normal(0.0, spread, 2), TRAVEL * rng.random() * min(1.0, spread / 0.02)])
    elif row == 2:
        share = rng.choice([0.0, 1.0, rng.random()])  # also right above either end
        low = min(1.0, 0.4 + 8.0 * abs(share - round(share)))  # away from both ends it is carried high
        point = cube + share * (tray - cube) + np.append(rng.normal(0.0, 0.015, 2), 0.0)
        point[2] = TABLE_TOP + world.half_edge + 0.01 + (TRAVEL - world.half_edge) * (low - 0.4 + (1.4 - low) * rng.random())
    else:
        world.place_cube(colour, tray + np.append(rng.uniform(-0.03, 0.03, 2), 0.0), rng.uniform(-0.4, 0.4))
        point = world.cube_positions[colour] + np.append(rng.normal(0.0, 0.005, 2), 0.1 * rng.random() ** 2)
    _drive(world, expert, side, point, rng)
    yaw = world.base_pose[2]
    heading = nearest_quarter(world.cube_heading(colour) - yaw, 0.0) if row != 2 else rng.normal(0.0, 0.2)
    pose = expert.grasp_pose(side, in_base(world, point), heading + rng.normal(0.0, 0.1)) + _noise(expert, rng)
    pose[grasp.joint] = grasp.open if rng.random() < 0.8 else grasp.open + 0.5 * rng.random() * (grasp.closed - grasp.open)
    world.place_joints(expert.joint_names, pose)
    if row == 2:
        pose[grasp.joint] = grasp.closed
        _close_on(world, expert, side, pose, colour)
    return pose, colour


def _noise(expert: PickExpert, rng: np.random.Generator) -> np.ndarray:
    noise: np.ndarray = rng.normal(0.0, JOINT_NOISE, len(expert.joint_names))
    noise[[grasp.joint for grasp in expert.grasps.values()]] = 0.0
    return noise


def _drive(world: World, expert: PickExpert, side: str, point: np.ndarray, rng: np.random.Generator) -> None:
    """Place the base, if there is one, so that the point (3,) [m] is within the hand's reach, or a little beside."""
    base = world.description.base
    if base is None:
        return
    forward, outward = (rng.uniform(low - 0.03, high + 0.03) for low, high in base.reach_box)
    x = min(point[0] - forward, base.front_limit)
    world.place_base(np.array([x, point[1] - expert.sign(side) * outward, rng.normal(0.0, 0.05)]))


def _close_on(world: World, expert: PickExpert, side: str, pose: np.ndarray, colour: str) -> None:
    """Close the gripper on a cube that is held in place until it is held by the fingers."""
    place, turn = world.hand_positions[side], world.hand_heading(side)
    world.command_joints(expert.joint_names, pose)
    for _ in range(CLOSING_STEPS):
        world.place_cube(colour, place, turn)
        world.step(TIMESTEP)
    world.step(4 * TIMESTEP)  # both fingers find it where it is
    world.touched.clear()
