"""A policy over a recording, in the bag's time, in one thread: the same inputs give the same numbers, to the last digit.

The live nodes' own parts do the work: `ObservationBuilder` with its limits of age, `Policy`, and one `MotionExecutor` for each method of
ensembling, all fed with the same chunks and with the measured joint states of the recording. Only the scheduling is simulated: an
inference takes `latency` of bag time, images that come meanwhile are passed over, and the executors tick at their rate.

The recording does not react: the robot did what it was told on the day, whatever the policy says now. So an error is the distance from
what was done then, and commands that lead elsewhere make the executors stop, as they would on a robot that does not follow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from neon_control.core.common.errors import ChunkError, ObservationError
from neon_control.core.control.chunk import ActionChunk
from neon_control.core.control.ensemble import METHODS
from neon_control.core.control.executor import BASE, JOINTS, MotionExecutor
from neon_control.core.robot.camera import input_name
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.topics import cameras_by_role
from neon_control.core.sensing.observation import ObservationBuilder
from neon_control.evaluation.settings import Settings
from neon_control.recordings.bag.bag_file import Bag, BagError, BagMessage
from neon_control.recordings.bag.messages import image_of, stamp_of
from neon_control.runtime.decoding.audio_blocks import READERS
from neon_control.runtime.decoding.sound import SoundStream
from neon_control.runtime.policy.policy import Features, Policy
from neon_control.runtime.policy.rate import RateLimit


@dataclass
class MethodRun:
    """What one executor did; T ticks, N dimensions, NaN where there was no target or no command."""

    executor: MotionExecutor
    times: list[int] = field(default_factory=list)  # (T,) [ns]
    states: list[str] = field(default_factory=list)  # (T,)
    causes: list[str] = field(default_factory=list)  # (T,) why the policy is not followed; empty when it is
    targets: list[np.ndarray] = field(default_factory=list)  # (T, N) of the ensemble, before ramp and limits
    commands: list[np.ndarray] = field(default_factory=list)  # (T, N)
    jumps: list[tuple[int, np.ndarray]] = field(default_factory=list)  # time [ns], (N,) change of the target by a new chunk


@dataclass
class Run:
    """Everything that came out of one policy."""

    name: str  # in tables and pictures
    policy: Policy
    settings: Settings
    latency: float  # [s] from an observation to its chunk
    chunks: list[tuple[int, ActionChunk]] = field(default_factory=list)  # time of arrival [ns], chunk
    refusals: list[tuple[int, str, str]] = field(default_factory=list)  # time [ns], inputs to blame, text
    counts: Counter[str] = field(default_factory=Counter)
    methods: dict[str, MethodRun] = field(default_factory=dict)

    @property
    def configured(self) -> MethodRun:
        """What the method that the settings choose did."""
        return self.methods[self.settings.executor.joints.method]


class OfflineRun:
    """See the module's text.

    Args:
        name: of the run, in tables and pictures.
        inputs: role -> topic, see `recording.find_inputs`.
        latency: [s] from an observation to its chunk, of which encoder and action layer are busy.

    Raises:
        BagError: the policy looks through a camera that is not in the recording.
    """

    def __init__(
        self, name: str, bag: Bag, policy: Policy, robot: Robot, settings: Settings, inputs: dict[str, str], latency: float
    ) -> None:
        space = policy.file.space
        executor = replace(settings.executor, chunk_steps=policy.file.num_steps)
        self._bag, self._policy, self._settings = bag, policy, settings
        self._roles = {topic: role for role, topic in inputs.items()}
        self._cameras = {role: camera.name for role, camera in cameras_by_role(robot).items()}
        names, vision = list(self._cameras.values()), policy.file.vision
        self._builder = ObservationBuilder(space.joint_names, settings.max_age, policy.uses_audio, cameras=names)
        self._builder.look_at(vision.clip, vision.cameras)
        blind = [n for n in self._builder.cameras.used if n not in {self._cameras.get(role) for role in inputs}]
        if blind:
            raise BagError(f"no images of {blind}, through which {name} looks; the recording has {sorted(bag.topics)}", bag.path)
        self._sound = SoundStream(settings.audio_rate_hz, settings.audio_channels)
        self._rate = RateLimit(settings.backbone_rate_hz)
        self._latency, self._period = round(latency * 1e9), round(1e9 / executor.rate_hz)
        self._busy_until = 0  # [ns]
        self._features: Features | None = None
        self._features_due: tuple[int, Features] | None = None
        self._head_due, self._tick_due = 0, 0  # [ns]
        self._last_image: int | None = None  # [ns]
        self._last_joints: int | None = None  # [ns]
        self._pending: list[tuple[int, ActionChunk]] = []  # on their way to the executors
        self.run = Run(name, policy, settings, latency)
        for method in METHODS:
            streams = {s: replace(getattr(executor, s), method=method) for s in (JOINTS, BASE)}
            self.run.methods[method] = MethodRun(MotionExecutor(robot, space.joint_names, replace(executor, **streams)))

    def execute(self, progress: Callable[[int], None]) -> Run:
        """From the first message to the last."""
        for message in self._bag.messages(list(self._roles)):
            progress(message.time)
            if not self._tick_due and self._roles[message.topic] == "joint_states":
                self._tick_due = self._head_due = message.time  # as on the robot: before this, an executor only waits
            self._advance(message.time)
            try:
                self._take(message)
            except ObservationError as error:
                self.run.counts["messages_refused"] += 1
                self._refuse(message.time, error)
            except BagError as error:
                self.run.counts["messages_refused"] += 1
                self._refuse(message.time, ObservationError(error.what, (self._roles[message.topic],)))
        self._advance(self._bag.end + 1)
        return self.run

    def _take(self, message: BagMessage) -> None:
        role, now = self._roles[message.topic], message.time
        content: Any = self._bag.decode(message)
        if role == "joint_states":
            stamp = stamp_of(content) or now
            for method in self.run.methods.values():
                method.executor.add_joint_states(stamp, content.name, content.position)
            self._builder.joint_states.add(stamp, content.name, content.position)
        elif role == "audio":
            kind = message.type.replace("/msg/", "/")
            if kind not in READERS:
                raise ObservationError(f"audio: type {kind} is none that a policy can hear, needs one of {list(READERS)}", ("audio",))
            samples, delay = self._sound.convert(READERS[kind](content))
            if len(samples):
                self._builder.audio.add(now - delay, samples)
        else:
            camera, cameras = self._cameras[role], self._builder.cameras
            cameras.buffers[camera].add(stamp_of(content) or now, image_of(content, input_name(camera)))
            if camera != cameras.used[0]:
                return  # it wakes nobody
            self.run.counts["images"] += 1
            if not self._rate.allows(now):
                self.run.counts["images_over_rate"] += 1
            elif now < self._busy_until:
                self.run.counts["images_while_busy"] += 1
            else:
                self._see(now)

    def _see(self, now: int) -> None:
        """As the inference loop: the newest image to features, and at one rate to a chunk."""
        two_rates = self._settings.head_rate_hz > 0.0
        try:
            observation = self._builder.build(now, use_joints=not two_rates)
            if observation.stamp == self._last_image:
                return
            self._last_image = observation.stamp
            features = self._policy.encode(observation)
            ready = max(now, observation.stamp + self._latency)
            self._busy_until = ready
            if two_rates:
                self._features_due = (ready, features)
            else:
                self._pending.append((ready, self._policy.act(features, observation.joint_positions, observation.stamp)))
        except (ObservationError, ChunkError) as error:
            self._refuse(now, error)

    def _act(self, now: int) -> None:
        """As the head's thread: the newest features and joint state to a chunk, which arrives at once."""
        if self._features_due is not None and self._features_due[0] <= now:
            self._features, self._features_due = self._features_due[1], None
        if self._features is None:
            return
        try:
            stamp, positions = self._builder.joint_states.latest()
            self._builder.check(now, {"features": self._features.stamp, "joint_states": stamp})
            if stamp != self._last_joints:
                self._last_joints = stamp
                self._pending.append((now, self._policy.act(self._features, positions, stamp)))
        except (ObservationError, ChunkError) as error:
            self._refuse(now, error)

    def _advance(self, until: int) -> None:
        """Everything that is due before `until` [ns], in order."""
        while 0 < self._tick_due < until:
            now = self._tick_due
            if self._settings.head_rate_hz > 0.0 and now >= self._head_due:
                self._head_due += round(1e9 / self._settings.head_rate_hz)
                self._act(now)
            arrived = [c for c in self._pending if c[0] <= now]
            self._pending = [c for c in self._pending if c[0] > now]
            self.run.chunks += arrived
            for method in self.run.methods.values():
                self._tick(method, now, [chunk for _, chunk in arrived])
            self._tick_due += self._period

    def _tick(self, run: MethodRun, now: int, chunks: list[ActionChunk]) -> None:
        before = _target(run.executor, now) if chunks else None
        for chunk in chunks:
            run.executor.add_chunk(JOINTS, chunk.stamp, chunk.dt, chunk.joints)
            if BASE in run.executor.streams:
                run.executor.add_chunk(BASE, chunk.stamp, chunk.dt, chunk.base)
        command = run.executor.tick(now)
        target = _target(run.executor, now)
        nothing = np.full(len(run.executor.limiter.names), np.nan)
        run.times.append(now)
        run.states.append(run.executor.supervisor.state.value)
        run.causes.append(run.executor.supervisor.cause)
        run.targets.append(nothing if target is None else target)
        run.commands.append(nothing if command is None else np.concatenate([command.positions, command.base]))
        if before is not None and target is not None:
            run.jumps.append((now, target - before))

    def _refuse(self, now: int, error: ObservationError | ChunkError) -> None:
        inputs = error.inputs if isinstance(error, ObservationError) else (error.reason,)
        self.run.refusals.append((now, ", ".join(inputs), str(error)))


def _target(executor: MotionExecutor, now: int) -> np.ndarray | None:
    """What the ensembles want now (N,), before ramp and limits; None where a stream has no live chunk."""
    instant = now + round(executor.settings.action_latency * 1e9)
    parts = [stream.ensemble.evaluate(instant) for stream in executor.streams.values()]
    return None if any(p is None for p in parts) else np.concatenate([p for p in parts if p is not None])
