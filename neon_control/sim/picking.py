"""The expert that picks the cube of a colour and puts it into the tray. As the one that reaches (`expert.py`), it has no memory.

| what is there                                    | where the fingers go                                  | gripper  |
|--------------------------------------------------|-------------------------------------------------------|----------|
| nothing asked for                                | home; what is held is held on                         | as it is |
| the cube is in the tray                          | straight up, once the fingers are off it; then home   | opens    |
| the cube is held                                 | up, over the tray, down into it                       | closed   |
| another cube is held                             | straight down to the table                            | opens    |
| the open fingers are around the cube             | they stay                                             | closes   |
| else                                             | up, over the cube, down around it                     | opens    |

Everything far is approached at `TRAVEL` above the table and from above, so that neither fingers nor what they hold sweep over it.
"""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from neon_control.core.robot.robot import Robot
from neon_control.sim.expert import BLEND, IK_POSTURE, Expert, ExpertAction, base_velocity, in_base
from neon_control.sim.world import CUBE_COLOURS, TABLE_TOP, TRAY_HALF_EDGE, World

TRAVEL = 0.13  # [m] of the fingers above the table while they are far from where they go
SLOPE, START = 1.2, 0.012  # [m/m, m] of the funnel that leads down: extra height while the fingers are beside
RISE = 0.05  # [m] below `TRAVEL` over which the way to the side opens
TURN = 0.9  # [rad] of the hand to either side; beyond pi/4, so that a cube turned by about that is not grasped now so, now so
BESIDE = 0.05  # [m] from above what they go to, within which they need not be up
STEP = 0.09  # [m] from the fingers to where they are sent at once, so that they move on straight lines
AROUND = np.array([0.012, 0.012, 0.012])  # [m] of the cube's centre from the fingers', along the hand's axes, at which they close
OFF = 0.8  # of its range: a gripper that is open so far is off what it held
DROP = 0.006  # [m] above the tray's floor at which it is let go
CLOSING_TIME = 0.4  # [s] from open to closed, of the command
IK_STEPS = 16
IK_DAMPING = 0.02


@dataclass(frozen=True)
class Grasp:
    """Of one hand: what closes it, and how it points when it does."""

    joint: int  # place of the gripper's joint among the expert's
    open: float  # [m] or [rad]
    closed: float
    pitch: float  # [rad] below the horizontal


class PickExpert(Expert):
    """Drives arms and grippers, `joint_names`, and the base, in steps of `dt` [s].

    Attributes:
        grasps: hand -> how it grasps.
    """

    def __init__(self, robot: Robot, joint_names: tuple[str, ...], dt: float) -> None:
        super().__init__(robot, joint_names, dt)
        self.grasps: dict[str, Grasp] = {}
        for name, hand in self.description.hands.items():
            gripper = robot.grippers[hand.gripper]
            opened, closed = gripper.open or 0.0, gripper.closed or 0.0  # the description has made sure of both
            self.grasps[name] = Grasp(joint_names.index(gripper.joints[0]), opened, closed, hand.pitch)

    def act(self, world: World, command: np.ndarray, colour: str | None) -> ExpertAction:
        """See `Expert.act`; positions of grippers are in their own unit."""
        side, held = self._hand(world, colour)
        grasp, hand = self.grasps[side], in_base(world, world.hand_positions[side])
        goal, base = self.home.copy(), np.zeros(0 if self._base is None else 3)
        opened = abs(command[grasp.joint] - grasp.open) < abs(command[grasp.joint] - grasp.closed)
        if colour is not None:
            point, heading, opened, around = self._aim(world, colour, side, held)
            error = 0.0
            if self._base is not None:
                base, error = base_velocity(around, world.base_pose[2], self.sign(side), self._base.reach_box)
                if held is not None:  # what is held is lifted before it is driven about
                    base, error = base * risen(hand), error * risen(hand)
            if point is not None:
                near = float(np.clip((BLEND[1] - error) / (BLEND[1] - BLEND[0]), 0.0, 1.0))
                way = _at_most(point - hand, STEP)
                goal += near * near * (3.0 - 2.0 * near) * (self.grasp_pose(side, hand + way, heading) - self.home)
        joints = self._towards(command, goal)
        for name, each in self.grasps.items():
            wanted = each.open if name != side or opened else each.closed
            step = abs(each.open - each.closed) * self.dt / CLOSING_TIME
            joints[each.joint] = command[each.joint] + np.clip(wanted - command[each.joint], -step, step)
        return ExpertAction(joints, base)

    def _hand(self, world: World, colour: str | None) -> tuple[str, str | None]:
        """Which hand acts, and the colour of what it holds: the one that holds something, else the nearer one to the cube."""
        for held in CUBE_COLOURS:
            if world.is_held(held) and not world.in_tray(held):
                place = world.cube_positions[held]
                return min(self.grasps, key=lambda hand: float(np.linalg.norm(world.hand_positions[hand] - place))), held
        cube = in_base(world, world.cube_positions[colour or next(iter(CUBE_COLOURS))])
        return min(self.grasps, key=lambda hand: abs(cube[1] - self._outward[hand])), None

    def _aim(self, world: World, colour: str, side: str, held: str | None) -> tuple[np.ndarray | None, float, bool, np.ndarray]:
        """Where the fingers should go (3,) [m], None: home; their heading [rad]; whether they open; what the base has to be near (3,) [m].

        All in the base frame.
        """
        hand, yaw = in_base(world, world.hand_positions[side]), world.base_pose[2]
        frame = world.hand_rotations[side]
        heading = world.hand_heading(side) - yaw
        tray = in_base(world, world.tray_place)
        cube = in_base(world, world.cube_positions[colour])
        aside = float(np.linalg.norm(hand[:2] - cube[:2]))
        if held == colour:
            over = tray + np.array([0.0, 0.0, DROP])
            return approach(hand, over), 0.0, False, tray
        if held is not None:
            return np.array([*hand[:2], TABLE_TOP + world.half_edge]), heading, hand[2] < TABLE_TOP + world.half_edge + DROP, hand
        if world.in_tray(colour):
            off = self._opening(world, side) > OFF
            if hand[2] > TABLE_TOP + TRAVEL - RISE or aside > 2.0 * TRAY_HALF_EDGE:
                return None, heading, True, tray
            return np.array([*hand[:2], TABLE_TOP + TRAVEL if off else hand[2]]), heading, True, tray
        turn = nearest_quarter(world.cube_heading(colour) - yaw, heading)
        inside = np.abs(frame.T @ (world.cube_positions[colour] - world.hand_positions[side]))
        closes = bool((inside < AROUND).all()) and abs(turn - heading) < 0.25
        return approach(hand, cube), turn, not closes, cube

    def _opening(self, world: World, side: str) -> float:
        """How far open a gripper is measured, 0 to 1."""
        grasp = self.grasps[side]
        measured = world.joint_positions[world.joint_names.index(self.joint_names[grasp.joint])]
        return float((measured - grasp.closed) / (grasp.open - grasp.closed))

    def grasp_pose(self, side: str, point: np.ndarray, heading: float) -> np.ndarray:
        """Joint pose (J,) with the fingers of `side` at `point` (3,) [m], closing along `heading` [rad] of the base frame.

        Damped least squares from the home pose, with a pull back to it in what that leaves free: one function of place and heading.
        """
        q: np.ndarray = self.home.copy()
        arm, site = self._arm[side], self._model.site(f"{side}_tcp").id
        wanted, jacobian = pointing(heading, self.grasps[side].pitch), np.zeros((6, self._model.nv))
        for _ in range(IK_STEPS):
            self._data.qpos[self._qpos] = q
            mujoco.mj_kinematics(self._model, self._data)
            mujoco.mj_comPos(self._model, self._data)
            mujoco.mj_jacSite(self._model, self._data, jacobian[:3], jacobian[3:], site)
            j = jacobian[:, self._dof[arm]]  # (6, A)
            here = self._data.site_xmat[site].reshape(3, 3)
            turn = 0.5 * np.cross(here, wanted, axis=0).sum(axis=1)  # (3,) [rad], small angles: the sum over the three axes
            error = np.concatenate([_at_most(point - self._data.site_xpos[site], 0.1), _at_most(turn, 0.4)])
            pinv = j.T @ np.linalg.inv(j @ j.T + IK_DAMPING**2 * np.eye(6))
            free = np.eye(arm.sum()) - pinv @ j
            q[arm] += pinv @ error + free @ (IK_POSTURE * (self.home[arm] - q[arm]))
            q = np.clip(q, self._lower, self._upper)
        return q


def _at_most(vector: np.ndarray, length: float) -> np.ndarray:
    return np.asarray(vector * min(1.0, length / max(float(np.linalg.norm(vector)), 1e-9)))


def pointing(heading: float, pitch: float) -> np.ndarray:
    """(3, 3) The frame of a hand whose fingers point `pitch` below the horizontal and close along y turned by `heading` [rad]."""
    c, s, cp, sp = np.cos(heading), np.sin(heading), np.cos(pitch), np.sin(pitch)
    return np.array([[c * cp, -s, c * sp], [s * cp, c, s * sp], [-sp, 0.0, cp]])


def nearest_quarter(angle: float, to: float) -> float:
    """The one of angle + k pi/2 that is nearest to another angle, and within `TURN`: a cube looks the same after a quarter of a turn."""
    near = angle + np.pi / 2.0 * round((to - angle) / (np.pi / 2.0))
    return near if abs(near) < TURN else near - np.pi / 2.0 * round(near / (np.pi / 2.0))


def risen(hand: np.ndarray) -> float:
    """How far the fingers (3,) [m] are up, 0 to 1: clear of what stands on the table."""
    return float(np.clip((hand[2] - (TABLE_TOP + TRAVEL - RISE)) / (0.8 * RISE), 0.0, 1.0))


def approach(hand: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Where the fingers should go now (3,) [m] to come to `target` from above: while they are beside it, at `TRAVEL` above the table."""
    beside = float(np.linalg.norm(hand[:2] - target[:2]))
    height = min(TABLE_TOP + TRAVEL, target[2] + SLOPE * max(0.0, beside - START))
    way = risen(hand) if beside > BESIDE else 1.0
    return np.array([*(hand[:2] + way * (target[:2] - hand[:2])), TABLE_TOP + TRAVEL if way < 1.0 else height])
