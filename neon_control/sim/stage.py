"""A robot in its world, its microphone and the running trial, behind one lock; what drives the motors is a subclass's."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from neon_control.core.robot.robot import Robot
from neon_control.sim.episode import LIMITS, Episode, Outcome
from neon_control.sim.voice import Microphone
from neon_control.sim.world import COLOURS, TIMESTEP, World


class Stage:
    """Every method may be called from any thread; `look` and `draw` from one. A subclass calls `reset` once it is ready.

    Args:
        image_size: (width, height) of the camera.
        speech_delay: [s] from the begin of an episode to the spoken command, see `reset`.
        timestep: [s] of the physics.
    """

    def __init__(self, robot: Robot, image_size: tuple[int, int], speech_delay: float, timestep: float = TIMESTEP) -> None:
        self._lock = threading.Lock()
        self._world = World(robot, image_size, timestep)
        self.joint_names = self._world.joint_names
        self._limit = LIMITS[self._world.description.task]
        self._speech_delay = speech_delay
        self._mute = False
        self._stamp = self._resets = 0

    @property
    def world(self) -> World:
        """Where everything is, for an expert in the thread of `tick`."""
        return self._world

    @property
    def words(self) -> str:
        """What the voice says; empty: it is silent."""
        with self._lock:
            return self._microphone.text

    def _begin(self) -> None:
        """The world has been reset: whatever drives the motors forgets what it was told. Called under the lock."""
        raise NotImplementedError

    def _drive(self, now: int, seconds: float) -> None:
        """Command the world's joints and base for the next `seconds` from `now` [ns] on. Called under the lock."""
        raise NotImplementedError

    def _measure(self, now: int) -> Any:
        """What the sensors of the body measure, for `tick` to return. Called under the lock."""
        raise NotImplementedError

    def reset(self, seed: int, index: int, colour: str = "") -> str:
        """Begin episode `index` of the series `seed`: cubes and base at new places, arms at home, no command in force.

        The microphone is silent for `speech_delay`: long enough for the last command to leave the robot's memory of
        the past two seconds. Then `colour` is spoken, a drawn one if it is empty, and the trial's time runs. It is what is returned.
        """
        rng = np.random.default_rng([seed, index])
        drawn = COLOURS[rng.integers(len(COLOURS))]  # drawn in any case, so that the cubes lie the same
        voice = np.random.default_rng([seed, index, 1])
        with self._lock:
            self._world.reset(rng)
            self._begin()
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

    def tick(self, now: int, seconds: float) -> Any:
        """Let what drives the motors act at `now` [ns] and advance the world by `seconds`; the state that follows."""
        world = self._world
        with self._lock:
            self._drive(now, seconds)
            world.step(seconds)
            if self._episode.outcome is Outcome.WAITING and world.time >= self._speech_delay:
                self._begin_command()
            if self._episode.outcome is Outcome.RUNNING:
                target = self._episode.target
                self._episode.update(world.time, {target: world.missing(target)}, world.touched)
            self._stamp = now
            return self._measure(now)

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
