"""The simulated robot as its drivers see it: world, controllers, microphone and the running trial, behind one lock."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neon_control.core.robot.robot import Robot
from neon_control.sim.controllers import CONTROLLER_PERIOD, JointTrajectoryController, VelocityBase
from neon_control.sim.episode import LIMITS, Episode, Outcome
from neon_control.sim.voice import Microphone
from neon_control.sim.world import CUBE_COLOURS, World

COLOURS = tuple(CUBE_COLOURS)


@dataclass(frozen=True)
class State:
    """What the sensors of the body measure at one instant."""

    stamp: int  # [ns]
    positions: np.ndarray  # (J,) [rad]
    velocities: np.ndarray  # (J,) [rad/s]
    base_pose: np.ndarray  # (3,) x, y, yaw in the world [m, m, rad]
    base_velocity: np.ndarray  # (3,) in the base frame [m/s, m/s, rad/s]


class Simulation:
    """One robot in its world. Every method may be called from any thread; `look` and `draw` from one.

    Args:
        image_size: (width, height) of the camera.
        speech_delay: [s] from the begin of an episode to the spoken command, see `reset`.
        cmd_timeout, cmd_vel_timeout, from_desired_state: see `controllers.py`.
    """

    def __init__(
        self,
        robot: Robot,
        image_size: tuple[int, int] = (320, 240),
        speech_delay: float = 0.0,
        cmd_timeout: float = 0.0,
        cmd_vel_timeout: float = 0.5,
        from_desired_state: bool = False,
    ) -> None:
        self._lock = threading.Lock()
        self._world = World(robot, image_size)
        self.joint_names = self._world.joint_names
        self._limit = LIMITS[self._world.description.task]
        self._controllers = {c.name: JointTrajectoryController(c.joints, cmd_timeout, from_desired_state) for c in robot.controllers}
        self._columns = {c.name: np.array([self.joint_names.index(j) for j in c.joints]) for c in robot.controllers}
        self._base = VelocityBase(cmd_vel_timeout)
        self._speech_delay = speech_delay
        self._mute = False
        self._stamp = self._resets = 0
        self.reset(0, 0)

    def reset(self, seed: int, index: int, colour: str = "") -> str:
        """Begin episode `index` of the series `seed`: cubes and base at new places, arms at home, controllers without a command.

        The microphone is silent for `speech_delay`: long enough for the last command to leave the robot's memory of
        the past two seconds. Then `colour` is spoken, a drawn one if it is empty, and the trial's time runs. It is what is returned.
        """
        rng = np.random.default_rng([seed, index])
        drawn = COLOURS[rng.integers(len(COLOURS))]  # drawn in any case, so that the cubes lie the same
        voice = np.random.default_rng([seed, index, 1])
        with self._lock:
            self._world.reset(rng)
            for name, controller in self._controllers.items():
                controller.activate(self._world.joint_positions[self._columns[name]])
            self._base.stop()
            self._seed, self._index, self._resets = seed, index, self._resets + 1
            self._microphone = Microphone(voice)
            self._episode = Episode(colour or drawn, self._limit)
            return self._episode.target

    def say(self, colour: str) -> None:
        """Ask for `colour` from now on, in the same scene."""
        with self._lock:
            self._world.touched.clear()
            self._episode = Episode(colour, self._limit)
            self._begin_command()

    def mute(self, mute: bool) -> None:
        """Silence the voice, or let it speak again; the trial goes on."""
        with self._lock:
            self._mute = mute
            if self._episode.outcome is not Outcome.WAITING:
                self._microphone.set_colour(None if mute else self._episode.target)

    def _begin_command(self) -> None:
        self._episode.begin(self._world.time)
        self._microphone.set_colour(None if self._mute else self._episode.target)

    def command_joints(
        self,
        controller: str,
        now: int,
        stamp: int,
        names: Sequence[str],
        offsets: np.ndarray,
        positions: np.ndarray,
        velocities: np.ndarray | None = None,
        accelerations: np.ndarray | None = None,
    ) -> None:
        """Hand a trajectory to a controller; arguments and CommandError as of `JointTrajectoryController.accept`."""
        with self._lock:
            self._controllers[controller].accept(now, stamp, names, offsets, positions, velocities, accelerations)

    def grip(self, controller: str, now: int, goal: np.ndarray, velocities: np.ndarray, effort: float | None) -> None:
        """Move a gripper's joints (A,) evenly to `goal` from where they are commanded; `effort` [N or N m] at most, None: the URDF's."""
        with self._lock:
            driven = self._controllers[controller]
            begin = driven.set_point
            if begin is None:
                begin = self._world.joint_positions[self._columns[controller]]
            seconds = max(float(np.max(np.abs(goal - begin) / velocities)), CONTROLLER_PERIOD)
            driven.accept(now, 0, driven.joint_names, np.array([0.0, seconds]), np.stack([begin, goal]))
            self._world.limit_effort(driven.joint_names, effort)

    def measured(self, controller: str) -> tuple[np.ndarray, np.ndarray]:
        """Positions and velocities (A,) of a controller's joints."""
        columns = self._columns[controller]
        with self._lock:
            return self._world.joint_positions[columns], self._world.joint_velocities[columns]

    def command_base(self, now: int, stamp: int, velocity: np.ndarray) -> None:
        """Hand a velocity (3,) to the base; arguments and CommandError as of `VelocityBase.command`."""
        with self._lock:
            self._base.command(now, stamp, velocity)

    def tick(self, now: int, seconds: float) -> State:
        """Let controllers act at `now` [ns] and advance the world by `seconds`; the state that follows."""
        world = self._world
        with self._lock:
            positions, velocities = world.joint_positions, world.joint_velocities
            for name, controller in self._controllers.items():
                columns = self._columns[name]
                set_point = controller.update(now, positions[columns], velocities[columns])
                if set_point is not None:
                    world.command_joints(controller.joint_names, set_point)
            world.command_base(self._base.update(now))
            world.step(seconds)
            if self._episode.outcome is Outcome.WAITING and world.time >= self._speech_delay:
                self._begin_command()
            self._episode.update(world.time, {c: world.missing(c) for c in COLOURS}, world.touched)
            self._stamp = now
            return State(now, world.joint_positions, world.joint_velocities, world.base_pose, world.base_velocity)

    def listen(self, num_samples: int) -> np.ndarray:
        """The microphone's next samples, (num_samples,) int16 at 16 kHz."""
        with self._lock:
            return self._microphone.read(num_samples)

    def look(self) -> int:
        """Take in the scene for the next `draw`; the time of the scene [ns]."""
        with self._lock:
            self._world.look()
            return self._stamp

    def draw(self) -> np.ndarray:
        """The camera's picture of what `look` took in, (height, width, 3) uint8; other methods go on meanwhile."""
        return self._world.draw()

    def close(self) -> None:
        """Free the camera; in the thread of `look`."""
        self._world.close()

    def truth(self) -> dict[str, Any]:
        """What a judge and a viewer may know, and a policy may not; plain numbers and strings for JSON. Metres; rotations w, x, y, z."""
        with self._lock:
            world, episode = self._world, self._episode
            return {
                "seed": self._seed,
                "index": self._index,
                "resets": self._resets,
                "task": world.description.task,
                "time": round(world.time, 3),
                "target": episode.target,
                "text": self._microphone.text,
                "outcome": episode.outcome.value,
                "elapsed": round(episode.elapsed, 3),
                "time_to_reach": episode.time_to_reach,
                "distances": {c: round(world.hand_distance(c), 4) for c in COLOURS},
                "touched": sorted(world.touched),
                "held": [c for c in COLOURS if world.is_held(c)],
                "cubes": {c: _rounded(p) for c, p in world.cube_positions.items()},
                "cube_rotations": {c: _rounded(world.data.body(f"{c}_cube").xquat) for c in COLOURS},
                "hands": {s: _rounded(p) for s, p in world.hand_positions.items()},
                "base": _rounded(world.base_pose),
            }


def _rounded(values: np.ndarray) -> list[float]:
    return [round(float(v), 4) for v in values]
