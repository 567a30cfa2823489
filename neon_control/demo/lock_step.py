"""A policy and the simulated robot in lock step: simulation, inference and executor take turns in simulated time.

What decides is what decides live: `InferenceDecisions`, `MotionExecutor` and the simulated controllers; only threads, clocks and the wire
are left out. So no delay of a busy computer is seen, and a trial lasts as long as its computing. A chunk comes `latency` after its image
was taken, however long it really took.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

import numpy as np

from neon_control.core.common.errors import ObservationError
from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.control.chunk import ActionChunk
from neon_control.core.control.command import Command
from neon_control.core.control.controllers import CONTROLLER_PERIOD
from neon_control.core.control.executor import MotionExecutor
from neon_control.core.control.executor_settings import ExecutorSettings
from neon_control.core.robot.robot import Robot
from neon_control.core.sensing.audio_buffer import AUDIO_WINDOW_S, SAMPLE_RATE
from neon_control.core.sensing.observation import ObservationBuilder
from neon_control.runtime.policy.decisions import InferenceDecisions
from neon_control.runtime.policy.policy import Policy
from neon_control.sim.episode import FINISHED, Outcome
from neon_control.sim.simulation import Simulation

PERIOD = round(CONTROLLER_PERIOD * NANOSECONDS)  # [ns]
CAMERA_HZ, BACKBONE_HZ = 15.0, 10.0
AUDIO_EVERY, TICK_EVERY, JUDGED_EVERY = 4, 2, 10  # [periods]
SPEECH_DELAY = 2.1  # [s] as in the demo
BEGIN = 1_000_000 * NANOSECONDS  # [ns]
LATENCY = 0.04  # [s]


class Hand:
    """Is shown what passes, and may take over; this one only watches. Times are seconds since the trial's begin.

    A hand leads through `executor.takeover`, as a person's messages do.
    """

    def begin(self, trial: LockStep) -> None:
        """A trial begins."""

    def image(self, seconds: float, image: np.ndarray) -> None:
        """What the policy sees (H, W, 3) uint8 RGB."""

    def sound(self, seconds: float, samples: np.ndarray) -> None:
        """What it heard until now, int16 at 16 kHz."""

    def joints(self, seconds: float, positions: np.ndarray, velocities: np.ndarray) -> None:
        """What is measured of all joints of the simulation (J,)."""

    def lead(self, trial: LockStep) -> None:
        """The executor is about to decide."""

    def command(self, seconds: float, command: Command) -> None:
        """It has decided."""


class LockStep:
    """One policy on one robot.

    Args:
        image_size: (width, height) of the camera.
        altered: what becomes of a drawn image before the policy sees it.

    Attributes:
        robot, policy, simulation: what takes part.
        executor: of the running trial.
        now: [ns] of the last step.
    """

    def __init__(
        self,
        policy: Policy,
        robot: Robot,
        image_size: tuple[int, int] = (320, 240),
        latency: float = LATENCY,
        altered: Callable[[np.ndarray], np.ndarray] = lambda image: image,
        hand: Hand | None = None,
    ) -> None:
        self.robot, self.policy = robot, policy
        self.simulation = Simulation(robot, image_size, SPEECH_DELAY)
        self._hand, self._altered, self._latency = hand or Hand(), altered, round(latency * NANOSECONDS)
        names = policy.file.space.joint_names
        self._columns = {c.name: [names.index(j) for j in c.joints] for c in robot.controllers if set(c.joints) <= set(names)}

    @property
    def seconds(self) -> float:
        """[s] since the trial's begin."""
        return (self.now - BEGIN) / NANOSECONDS

    def run(self, seed: int, index: int) -> tuple[Outcome, float | None]:
        """The outcome of episode `index` of the series `seed`, and the time to reach [s]."""
        self.begin(seed, index)
        while True:
            self.step()
            if self._ticks % JUDGED_EVERY == 0 and (truth := self.simulation.truth())["outcome"] in FINISHED:
                return Outcome(truth["outcome"]), truth["time_to_reach"]

    def begin(self, seed: int, index: int) -> None:
        """Another trial, with an executor that was just started."""
        names, policy = self.policy.file.space.joint_names, self.policy
        self.simulation.reset(seed, index)
        self._builder = ObservationBuilder(names, cameras=[c.name for c in self.robot.cameras], wire=self.robot.wire)
        self._decisions = InferenceDecisions(policy, self._builder, BACKBONE_HZ, 0.0, lambda name: None)
        self.executor = MotionExecutor(self.robot, names, ExecutorSettings(chunk_steps=policy.file.num_steps))
        self._on_the_way: list[tuple[int, int, ActionChunk]] = []
        self._images = self._ticks = 0
        self.now = BEGIN
        self._hand.begin(self)

    def step(self) -> None:
        """One period of the controllers."""
        self._ticks += 1
        self.now = BEGIN + self._ticks * PERIOD
        simulation, executor, now = self.simulation, self.executor, self.now
        state = simulation.tick(now, CONTROLLER_PERIOD)
        self._builder.joint_states.add(now, simulation.joint_names, state.positions)
        executor.add_joint_states(now, simulation.joint_names, state.positions)
        if self._ticks % TICK_EVERY == 0:
            self._hand.joints(self.seconds, state.positions, state.velocities)
        if self._ticks % AUDIO_EVERY == 0:
            samples = simulation.listen(round(AUDIO_EVERY * CONTROLLER_PERIOD * SAMPLE_RATE))
            self._builder.audio.add(now, samples.astype(np.float32) / 32768.0)
            self._hand.sound(self.seconds, samples)
        if self._ticks * CONTROLLER_PERIOD * CAMERA_HZ >= self._images:
            self._see()
        while self._on_the_way and self._on_the_way[0][0] <= now:
            for stream, half in heapq.heappop(self._on_the_way)[2].streams().items():
                if stream in executor.streams:
                    executor.add_chunk(stream, half)
        if self._ticks % TICK_EVERY == 0 and self._ticks * CONTROLLER_PERIOD >= AUDIO_WINDOW_S:
            self._control()

    def _see(self) -> None:
        self._images += 1
        stamp, image = self.simulation.look(), self._altered(self.simulation.draw())
        self._builder.images.add(stamp, image)
        self._hand.image((stamp - BEGIN) / NANOSECONDS, image)
        decisions, now = self._decisions, self.now
        if not decisions.image_arrived(now, now):
            return
        try:
            look = decisions.look(now)
            start = None if look is None else decisions.keep(look, look.policy.encode(look.observation))
            if start is not None:
                heapq.heappush(self._on_the_way, (now + self._latency, now, start.chunk()))
                decisions.acted(start)
        except ObservationError:
            pass  # the sound is not there yet
        decisions.finish(now)

    def _control(self) -> None:
        self._hand.lead(self)
        command = self.executor.tick(self.now)
        if command is None:
            return
        for name, motion in command.trajectories.items():
            columns = self._columns[name]
            joints = [self.executor.joint_names[i] for i in columns]
            offsets = (motion.times - motion.times[0]) / NANOSECONDS
            ways = (motion.positions[:, columns], motion.velocities[:, columns])
            self.simulation.command_joints(name, self.now, int(motion.times[0]), joints, offsets, *ways)
        if command.base.size:
            self.simulation.command_base(self.now, self.now, command.base)
        self._hand.command(self.seconds, command)

    def close(self) -> None:
        """Free the camera."""
        self.simulation.close()
