"""The expert: inverse kinematics that drives the simulated robot to the cube of a colour, for recordings to learn from.

It is a function of the present state only (no memory, no clock), because the policy that imitates it has none either:

- base, if there is one: a proportional law that brings the cube into a comfortable box in front of the nearer hand, facing the table;
- arm: the joint pose that puts the fingertip at a point over the cube, approached from above in a funnel, blended from
  the home pose as the base comes near; one step moves the command along the straight joint-space line towards it.

Without a command (colour None) it keeps the home pose and stands still.
"""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from neon_control.core.robot.robot import Robot
from neon_control.sim.description import Span, load_description
from neon_control.sim.world import World, build_model, rotate

HOVER = 0.034  # [m] fingertip above the cube's centre when it has arrived
FUNNEL_SLOPE, FUNNEL_START, FUNNEL_TOP = 0.8, 0.035, 0.10  # [m/m, m, m] extra height while the hand is beside the cube
BASE_GAIN = np.array([1.8, 1.8, 2.0])  # [1/s]
BASE_SPEED = np.array([0.3, 0.3, 0.5])  # [m/s, m/s, rad/s]
ARM_GAIN = 3.5  # [1/s]
ARM_SPEED = 1.0  # [rad/s] of the fastest joint
BLEND = (0.06, 0.22)  # [m] base error at which the arm is fully out, and fully at home
IK_DAMPING = 0.03
IK_POSTURE = 0.05
IK_STEPS = 12


@dataclass(frozen=True)
class ExpertAction:
    """What the expert commands for one control step."""

    joints: np.ndarray  # (J,) [rad], in the order of the expert's joint names
    base: np.ndarray  # (3,) [m/s, m/s, rad/s], (0,) on a robot without a base


class Expert:
    """Drives the arms' `joint_names`, and the base, towards the cube of a colour, in steps of `dt` [s]."""

    def __init__(self, robot: Robot, joint_names: tuple[str, ...], dt: float) -> None:
        self.joint_names = joint_names
        self.dt = dt
        self.description = description = load_description(robot)
        self.home = description.home_positions(joint_names)
        self._base = description.base
        self._model = build_model(robot, description)
        self._data = mujoco.MjData(self._model)
        self._qpos = np.array([self._model.joint(n).qposadr[0] for n in joint_names])
        self._dof = np.array([self._model.joint(n).dofadr[0] for n in joint_names])
        self._lower = robot.limits(joint_names, "safe_lower")
        self._upper = robot.limits(joint_names, "safe_upper")
        self._arm = {name: np.isin(joint_names, robot.groups[hand.group]) for name, hand in description.hands.items()}
        self._data.qpos[self._qpos] = self.home
        mujoco.mj_kinematics(self._model, self._data)
        self._outward = {hand: float(self._data.site(f"{hand}_tcp").xpos[1]) for hand in description.hands}  # [m] y at home

    def act(self, world: World, command: np.ndarray, colour: str | None) -> ExpertAction:
        """One control step from the joint targets (J,) [rad] that are in force now; without a colour it rests at home."""
        if colour is None:
            return ExpertAction(self._towards(command, self.home), np.zeros(0 if self._base is None else 3))
        cube = in_base(world, world.cube_positions[colour])
        side = min(self._outward, key=lambda hand: abs(cube[1] - self._outward[hand]))
        base, error = np.zeros(0), 0.0
        if self._base is not None:
            base, error = base_velocity(cube, world.base_pose[2], self.sign(side), self._base.reach_box)
        weight = float(np.clip((BLEND[1] - error) / (BLEND[1] - BLEND[0]), 0.0, 1.0))
        weight = weight * weight * (3.0 - 2.0 * weight)  # smooth at both ends
        goal = self.home.copy()
        if weight > 0.0:
            reach = self.reach_pose(side, funnel_point(cube, in_base(world, world.hand_positions[side])))
            goal += weight * (reach - self.home)
        return ExpertAction(self._towards(command, goal), base)

    def sign(self, side: str) -> float:
        """+1 where the hand is to the left, -1 where it is to the right."""
        return 1.0 if self._outward[side] >= 0.0 else -1.0

    def _towards(self, command: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """Step along the straight line to the goal: proportional near it, at most `ARM_SPEED` far from it."""
        delta = goal - command
        fastest = float(np.abs(delta).max())
        return np.asarray(command + delta * min(ARM_GAIN * self.dt, ARM_SPEED * self.dt / max(fastest, 1e-9)))

    def reach_pose(self, side: str, point: np.ndarray) -> np.ndarray:
        """Joint pose (J,) with the fingertip of `side` at `point` (3,) [m] in the base frame; all other joints at home.

        Damped least squares from the home pose with a pull back to it, so that the solution is one smooth function of
        the point (Wampler 1986; posture term as a secondary task).
        """
        q: np.ndarray = self.home.copy()
        arm = self._arm[side]
        jacobian = np.zeros((3, self._model.nv))
        site = self._model.site(f"{side}_tcp").id
        for _ in range(IK_STEPS):
            self._data.qpos[self._qpos] = q
            mujoco.mj_kinematics(self._model, self._data)
            mujoco.mj_comPos(self._model, self._data)
            mujoco.mj_jacSite(self._model, self._data, jacobian, None, site)
            j = jacobian[:, self._dof[arm]]  # (3, A)
            error = point - self._data.site_xpos[site]
            error *= min(1.0, 0.12 / max(float(np.linalg.norm(error)), 1e-9))
            pinv = j.T @ np.linalg.inv(j @ j.T + IK_DAMPING**2 * np.eye(3))
            posture = IK_POSTURE * (self.home[arm] - q[arm])
            q[arm] += pinv @ error + (np.eye(arm.sum()) - pinv @ j) @ posture
            q = np.clip(q, self._lower, self._upper)
        return q


def in_base(world: World, point: np.ndarray) -> np.ndarray:
    """A place of the world in the base frame, z above the floor; (3,) [m]."""
    x, y, yaw = world.base_pose
    return rotate(point - np.array([x, y, 0.0]), -yaw)


def base_velocity(cube: np.ndarray, yaw: float, sign: float, reach_box: tuple[Span, ...]) -> tuple[np.ndarray, float]:
    """Velocity (3,) that brings the cube into the box and turns to the table, and the distance left [m].

    Args:
        cube: (3,) [m] in the base frame.
        yaw: [rad] of the base.
        sign: +1 where the hand is to the left, -1 where it is to the right.
        reach_box: [m] forward, and outward to the hand's side.
    """
    (near, far), (inner, outer) = reach_box
    outward = sign * cube[1]
    error = np.array([cube[0] - np.clip(cube[0], near, far), sign * (outward - np.clip(outward, inner, outer)), -yaw])
    velocity = np.clip(BASE_GAIN * error, -BASE_SPEED, BASE_SPEED)
    return velocity, float(np.hypot(error[0], error[1]))


def funnel_point(cube: np.ndarray, hand: np.ndarray) -> np.ndarray:
    """Where the fingertip should go now: above the cube, the higher the farther it still is to the side."""
    beside = float(np.linalg.norm(hand[:2] - cube[:2]))
    extra = min(FUNNEL_TOP, FUNNEL_SLOPE * max(0.0, beside - FUNNEL_START))
    return np.asarray(cube + np.array([0.0, 0.0, HOVER + extra]))
