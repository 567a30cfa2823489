"""Demonstrations: the expert drives a world from a random state, and everything is recorded.

A take begins anywhere on the way, not only at the start: the policy will drift, and must have seen how the expert comes back
from there. It is cut into recordings, each with a new command that has nothing to do with what the robot is doing: a policy
that only ever saw hands on their way to the named cube learns to follow its hands instead of its ears.

The expert obeys what was said within the last two seconds, which is what the policy will hear: one colour is a command; none, or
two that contradict each other, let it rest. So some recordings are silent, some begin before the command or within a change of mind.
In some recordings of picking the arm is pushed on its way (`disturbance.py`): a grasp forgives a centimetre, and a policy errs by more.
In some the camera is dark, and the expert rests whatever it hears: a robot that sees nothing must not reach for where a cube usually is.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from neon_control.core.robot.robot import Robot
from neon_control.core.sensing.audio_buffer import AUDIO_WINDOW_S, SAMPLE_RATE
from neon_control.sim.demonstration_bag import EpisodeRecorder
from neon_control.sim.disturbance import Disturbance
from neon_control.sim.expert import Expert, in_base
from neon_control.sim.picking import PickExpert
from neon_control.sim.picking_start import begin_picking
from neon_control.sim.voice import Microphone
from neon_control.sim.world import CUBE_COLOURS, TABLE_TOP, TIMESTEP, World

CONTROL_PERIOD = 0.02  # [s]
JOINT_STATE_PERIOD = 0.01  # [s]
CAMERA_PERIOD = 2.0 / 15.0  # [s] half the rate of the live camera: pictures 0.07 s apart teach nearly the same, and all have to be encoded
AUDIO_PERIOD = 0.02  # [s]
SILENT_SHARE, LATE_SHARE, CHANGED_SHARE = 0.08, 0.25, 0.17  # of the recordings; in the others the command is old
DARK_SHARE = 0.06  # of the recordings, independently of the command
PUSHED_SHARE, PUSH = 0.5, 0.03  # of the recordings of picking; [rad] of each joint of an arm
LOW, DENSER = 0.08, 4  # [m] of fingers above the table, and how many times as many pictures of them: a grasp takes half a second of nine
HOME = 0.02  # [rad, m] a command that is nearer is at home
RESTED = 1.0  # [s] at home, after which a recording of picking ends: whatever was asked for is done
ABOUT_SHARE = 0.7  # of the recordings of picking: the cube in the hand, or near it, is the one that is asked for
COMMAND_SPAN = (-1.6, 0.4)  # [s] when a late or changed command begins


class Demonstrator:
    """Records what the expert does with `joint_names`, and the camera's (width, height); one per process, since it owns a renderer."""

    def __init__(self, robot: Robot, joint_names: tuple[str, ...], image_size: tuple[int, int]) -> None:
        self.world = World(robot, image_size)
        kind = PickExpert if self.world.description.task == "pick_place" else Expert
        self.expert: Expert = kind(robot, joint_names, CONTROL_PERIOD)

    def record_take(self, paths: Sequence[Path], rng: np.random.Generator, seconds: float, take: str = "") -> None:
        """Record one take: a bag of `seconds`, or less of picking, for each of `paths`, one going on where the last one ended.

        All of them say which `take` it is.
        """
        about: str | None = None
        if isinstance(self.expert, PickExpert):
            command, about = begin_picking(self.world, self.expert, rng)
        else:
            command = self._begin(rng)
        for path in paths:
            command = self._record(path, rng, seconds, command, about, take)

    def _record(
        self, path: Path, rng: np.random.Generator, seconds: float, command: np.ndarray, about: str | None, take: str
    ) -> np.ndarray:
        """Record one bag; `command` and what is returned are the joint targets in force (J,) [rad]; `about`: see `_draw_command`."""
        before, after, change = _draw_command(rng)
        if about is not None and rng.random() < ABOUT_SHARE:
            before, after = _about(about, before, after)
        dark = rng.random() < DARK_SHARE
        pushes = self._pushes(rng)
        microphone = Microphone(rng, before)
        world, expert = self.world, self.expert
        with EpisodeRecorder(path, world.description.camera.link, world.has_base, take, dark) as recorder:

            def listen(time: float) -> None:
                nonlocal change
                if time >= change:
                    change = np.inf
                    microphone.set_colour(after)
                    recorder.instruction(time, microphone.text)
                block = microphone.read(round(AUDIO_PERIOD * SAMPLE_RATE))
                if time >= -AUDIO_WINDOW_S - AUDIO_PERIOD:  # what the first image's policy hears, and no more
                    recorder.audio(time + AUDIO_PERIOD, block)

            recorder.instruction(-2.0 * AUDIO_WINDOW_S, microphone.text)
            for i in range(round(2.0 * AUDIO_WINDOW_S / AUDIO_PERIOD)):
                listen(i * AUDIO_PERIOD - 2.0 * AUDIO_WINDOW_S)
            away = 0.0
            for tick in range(round(seconds / TIMESTEP) + 1):
                time = tick * TIMESTEP
                if _due(time, AUDIO_PERIOD):
                    listen(time)
                if _due(time, CONTROL_PERIOD):
                    heard = microphone.heard()
                    action = expert.act(world, command, heard.pop() if len(heard) == 1 and not dark else None)
                    command = action.joints
                    world.command_joints(expert.joint_names, command if pushes is None else command + pushes.next())
                    world.command_base(action.base)
                    recorder.command(time, expert.joint_names, command, action.base)
                if _due(time, JOINT_STATE_PERIOD):
                    recorder.joint_states(time, world.joint_names, world.joint_positions, world.joint_velocities)
                if _due(time, CAMERA_PERIOD / DENSER if self._low() else CAMERA_PERIOD):
                    recorder.image(time, np.zeros_like(world.render()) if dark else world.render())
                world.step(TIMESTEP)
                away = time if self._is_away(command) else away
                if time - away > RESTED:
                    break
        return command

    def _low(self) -> bool:
        """Whether fingers are where they grasp, or let go."""
        heights = [place[2] - TABLE_TOP for place in self.world.hand_positions.values()]
        return isinstance(self.expert, PickExpert) and min(heights) < LOW

    def _is_away(self, command: np.ndarray) -> bool:
        """Whether a recording goes on: the arm is told to be somewhere else than at home, or this is no picking."""
        return not isinstance(self.expert, PickExpert) or float(np.abs(command - self.expert.home).max()) > HOME

    def _pushes(self, rng: np.random.Generator) -> Disturbance | None:
        """What pushes the arm in this recording; None: nothing."""
        if not isinstance(self.expert, PickExpert) or rng.random() >= PUSHED_SHARE:
            return None
        size = np.full(len(self.expert.joint_names), PUSH)
        size[[grasp.joint for grasp in self.expert.grasps.values()]] = 0.0
        return Disturbance(rng, size, CONTROL_PERIOD)

    def _begin(self, rng: np.random.Generator) -> np.ndarray:
        """Put the world into a random state; returns the joint targets in force (J,) [rad]."""
        world, expert = self.world, self.expert
        world.reset(rng)
        pose: np.ndarray = expert.home.copy()
        if rng.random() < 0.75:
            if world.description.base is not None:
                world.place_base(np.array([rng.uniform(*span) for span in world.description.base.on_the_way]))
            for side in world.description.hands:
                if rng.random() < 0.6:
                    cube = in_base(world, world.cube_positions[list(CUBE_COLOURS)[rng.integers(len(CUBE_COLOURS))]])
                    cube[2] = max(cube[2] + 0.04, cube[2] + rng.normal(0.09, 0.05))
                    reach = expert.reach_pose(side, cube + np.append(rng.normal(0.0, 0.06, 2), 0.0))
                    pose += np.sqrt(rng.random()) * (reach - expert.home)
        pose += rng.normal(0.0, 0.03, len(pose))
        world.place_joints(expert.joint_names, pose)
        return pose


def _draw_command(rng: np.random.Generator) -> tuple[str | None, str | None, float]:
    """What is asked for at first, what later, and the time of the change [s]."""
    colour, other = rng.permutation(list(CUBE_COLOURS)).tolist()
    kind, change = rng.random(), float(rng.uniform(*COMMAND_SPAN))
    if kind < SILENT_SHARE:
        return None, None, np.inf
    if kind < SILENT_SHARE + LATE_SHARE:
        return None, colour, change
    if kind < SILENT_SHARE + LATE_SHARE + CHANGED_SHARE:
        return other, colour, change
    return colour, None, np.inf


def _about(colour: str, before: str | None, after: str | None) -> tuple[str | None, str | None]:
    """The same commands, in which the last one is of this colour."""
    if colour in (after or before, None) or (before, after) == (None, None):
        return before, after
    if after is None:
        return colour, None
    return (after if before is not None else None), colour


def _due(time: float, period: float) -> bool:
    """Whether a task of this period falls into the simulation step that begins at `time`."""
    return (time + 1e-9) % period < TIMESTEP
