"""A policy over a recording, in the bag's time, in one thread: the same inputs give the same numbers, to the last digit.

The live nodes' own parts do the work: `InferenceDecisions` with its limits of rate and age, `Policy`, and one `MotionExecutor` for each
method of ensembling, all fed with the same chunks and with the measured joint states of the recording. Only time is simulated: an
inference takes `latency` of bag time, and head, watch and executors turn at their rates. Two things are not as on a robot. A chunk of
the head arrives at once; and what a library throws ends the run, where the live loop reports it and goes on.

The recording does not react: the robot did what it was told on the day, whatever the policy says now. So an error is the distance from
what was done then, and commands that lead elsewhere make the executors stop, as they would on a robot that does not follow.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from neon_control.core.common.errors import ChunkError, ObservationError
from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.control.chunk import BASE, JOINTS, ActionChunk
from neon_control.core.control.ensemble import METHODS
from neon_control.core.control.executor import MotionExecutor
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.topics import cameras_by_role
from neon_control.core.sensing.instruction import checked_instruction
from neon_control.core.sensing.observation import ObservationBuilder
from neon_control.evaluation.settings import Settings
from neon_control.recordings.bag.bag_file import Bag, BagError, BagMessage
from neon_control.recordings.bag.messages import stamp_of
from neon_control.runtime.decoding.audio_blocks import READERS
from neon_control.runtime.decoding.images import image_of
from neon_control.runtime.decoding.sound import SoundStream
from neon_control.runtime.policy.decisions import ChunkStart, InferenceDecisions, Look
from neon_control.runtime.policy.likeness import Likeness
from neon_control.runtime.policy.policy import Features, Policy
from neon_control.runtime.speech.spoken import voice_here

FINISH, WATCH, HEAD, TICK = range(4)  # what is due at the same time comes in this order; FINISH also comes before a message of that time


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
    seams: list[tuple[float, bool]] = field(default_factory=list)  # where a chunk can change the target first: the largest change of any
    # joint's [rad], and whether the chunk went on from what was under way

    def jump_sizes(self, joints: slice) -> np.ndarray:
        """(jumps,) [rad] the largest of any joint."""
        return np.array([np.abs(jump[joints]).max() for _, jump in self.jumps])


@dataclass
class Run:
    """Everything that came out of one policy."""

    name: str  # in tables and pictures
    policy: Policy
    settings: Settings
    chunks: list[tuple[int, ActionChunk]] = field(default_factory=list)  # time of arrival [ns], chunk
    refusals: list[tuple[int, str, str]] = field(default_factory=list)  # time [ns], inputs to blame, text
    counts: Counter[str] = field(default_factory=Counter)
    unlike: list[str] = field(default_factory=list)  # how images came otherwise than in the policy's training, in sentences
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
        conditioned: whether chunks go on from what is under way, where the policy can.

    Raises:
        BagError: the policy looks through a camera that is not in the recording.
    """

    def __init__(
        self,
        name: str,
        bag: Bag,
        policy: Policy,
        robot: Robot,
        settings: Settings,
        inputs: dict[str, str],
        latency: float,
        conditioned: bool = True,
    ) -> None:
        space = policy.file.space
        # What was measured in a recording does not follow what is commanded here.
        executor = replace(settings.executor, chunk_steps=policy.file.num_steps, following_limit=0.0)
        self.run = Run(name, policy, settings)
        self._bag, self._conditioned = bag, conditioned
        self._roles = {topic: role for role, topic in inputs.items()}
        self._cameras = cameras_by_role(robot)
        names, age = [camera.name for camera in self._cameras.values()], settings.max_age
        self._builder = ObservationBuilder(space.joint_names, age, cameras=names, max_skew=settings.max_skew, wire=robot.wire)
        self._builder.voice, _ = voice_here()
        self._likeness = Likeness(settings.unlike_images, names, lambda name: self.run.counts.update([name]), self.run.unlike.append)
        self._likeness.follow(name, policy.file.images, policy.file.vision.cameras)
        rates = settings.backbone_rate_hz, settings.head_rate_hz
        self._decisions = InferenceDecisions(policy, self._builder, *rates, lambda name: self.run.counts.update([name]), settings.prefixes)
        blind = [n for n in self._builder.cameras.used if n not in {c.name for role, c in self._cameras.items() if role in inputs}]
        if blind:
            raise BagError(f"no images of {blind}, through which {name} looks; the recording has {sorted(bag.topics)}", bag.path)
        self._sound = SoundStream(settings.audio_rate_hz, settings.audio_channels)
        self._latency, self._period = round(latency * NANOSECONDS), round(NANOSECONDS / executor.rate_hz)
        self._ticking = False
        self._due: list[tuple[int, int, Callable[[int], None]]] = []  # time [ns], order, what to do: a heap
        self._arrived: list[tuple[ActionChunk, bool]] = []  # since the executors' last tick, and whether it had a prefix
        for method in METHODS:
            streams = {s: replace(getattr(executor, s), method=method) for s in (JOINTS, BASE)}
            self.run.methods[method] = MethodRun(MotionExecutor(robot, space.joint_names, replace(executor, **streams)))

    def execute(self, progress: Callable[[int], None]) -> Run:
        """From the first message to the last."""
        for message in self._bag.held([topic for topic, role in self._roles.items() if role == "instruction"]):
            self._take_or_refuse(message)
        for message in self._bag.messages(list(self._roles)):
            progress(message.time)
            if not self._due:
                self._every(self._decisions.silent_period, WATCH, self._watch, message.time)
                if self._decisions.two_rates:
                    self._every(self._decisions.head_period, HEAD, self._act, message.time)
            if not self._ticking and self._roles[message.topic] == "joint_states":
                self._ticking = True  # as on the robot: before this, an executor only waits
                self._every(self._period, TICK, self._tick, message.time - self._period)
            self._advance(message.time)
            self._take_or_refuse(message)
        self._advance(self._bag.end + 1)
        return self.run

    def _take_or_refuse(self, message: BagMessage) -> None:
        try:
            self._take(message)
        except (ObservationError, BagError) as error:
            self.run.counts["messages_refused"] += 1
            refused = ((self._roles[message.topic],), error.what) if isinstance(error, BagError) else (error.inputs, str(error))
            self.run.refusals.append((message.time, ", ".join(refused[0]), refused[1]))

    def _every(self, period: int, order: int, step: Callable[[int], None], last: int) -> None:
        """Do something every `period` [ns] after `last` [ns]."""

        def turn(now: int) -> None:
            self._at(now + period, order, turn)
            step(now)

        self._at(last + period, order, turn)

    def _at(self, time: int, order: int, step: Callable[[int], None]) -> None:
        heapq.heappush(self._due, (time, order, step))

    def _advance(self, until: int) -> None:
        """Everything that is due before `until` [ns], in order."""
        while self._due and self._due[0][:2] < (until, WATCH):
            now, _, step = heapq.heappop(self._due)
            step(now)

    def _take(self, message: BagMessage) -> None:
        role, now = self._roles[message.topic], message.time
        content: Any = self._bag.decode(message)
        if role == "joint_states":
            stamp = stamp_of(content)
            for method in self.run.methods.values():
                method.executor.add_joint_states(stamp, content.name, content.position)
            self._builder.joint_states.add(stamp, content.name, content.position)
        elif role == "instruction":
            self._builder.instruction = checked_instruction(content.data)
        elif role == "audio":
            kind = message.type.replace("/msg/", "/")
            if kind not in READERS:
                raise ObservationError(f"audio: type {kind} is none that a policy can hear, needs one of {list(READERS)}", ("audio",))
            samples, delay = self._sound.convert(READERS[kind](content))
            if len(samples):
                self._builder.audio.add(now - delay, samples)
        else:
            camera, cameras = self._cameras[role], self._builder.cameras
            image = image_of(content, camera)
            self._likeness.look(content, camera)
            cameras.buffers[camera.name].add(stamp_of(content), image)
            if camera.name == cameras.used[0]:  # another one wakes nobody
                self.run.counts["images"] += 1
                if self._decisions.image_arrived(now, now):
                    self._look(now)

    def _watch(self, now: int) -> None:
        if self._decisions.silent(now):
            self._look(now)

    def _look(self, now: int) -> None:
        """The newest image to features, which are there when the latency is over."""
        try:
            look = self._decisions.look(now)
            if look is not None:
                features = look.policy.encode(look.observation)
                ready = max(now, look.observation.stamp + self._latency)
                self._at(ready, FINISH, partial(self._finish, look, features))
                return
        except ObservationError as error:
            self._refuse(now, error)
        self._decisions.finish(now)

    def _finish(self, look: Look, features: Features, now: int) -> None:
        self._make_chunk(self._decisions.keep(look, features), now)
        self._decisions.finish(now)

    def _act(self, now: int) -> None:
        try:
            self._make_chunk(self._decisions.next_start(now), now)
        except ObservationError as error:
            self._refuse(now, error)

    def _make_chunk(self, start: ChunkStart | None, now: int) -> None:
        if start is None:
            return
        try:
            prefix = self._decisions.prefix(start, now)
            chunk = start.chunk(prefix if self._conditioned else None)
        except ChunkError as error:
            self._refuse(now, error)
            return
        self._decisions.goes_out(chunk, now)
        self._decisions.acted(start)
        self._arrived.append((chunk, self._conditioned and len(prefix) > 0))
        self.run.chunks.append((now, chunk))

    def _tick(self, now: int) -> None:
        chunks, self._arrived = self._arrived, []
        for run in self.run.methods.values():
            executor = run.executor
            before, before_seam = (_target(executor, now), executor.next_wanted(now)) if chunks else (None, None)
            for chunk, _ in chunks:
                for stream, half in chunk.streams().items():
                    if stream in executor.streams:
                        executor.add_chunk(stream, half)
            command = executor.tick(now)
            target = _target(executor, now)
            nothing = np.full(len(executor.limiter.names), np.nan)
            run.times.append(now)
            run.states.append(executor.supervisor.state.value)
            run.causes.append(executor.supervisor.cause)
            run.targets.append(nothing if target is None else target)
            run.commands.append(nothing if command is None else np.concatenate([command.positions, command.base]))
            if before is not None and target is not None:
                run.jumps.append((now, target - before))
            if before_seam is not None and (seam := executor.next_wanted(now)) is not None:
                run.seams.append((float(np.abs(seam - before_seam).max()), chunks[-1][1]))
            outlook = executor.outlook() if run is self.run.configured else None
            for told in () if outlook is None else outlook.tidings():
                for stream, foreseen in told.items():
                    self._decisions.told(stream, foreseen)

    def _refuse(self, now: int, error: ObservationError | ChunkError) -> None:
        self.run.refusals.append((now, ", ".join(self._decisions.refused(error)), str(error)))


def _target(executor: MotionExecutor, now: int) -> np.ndarray | None:
    """What the ensembles want now (N,), before ramp and limits; None where a stream has no live chunk."""
    instant = now + round(executor.settings.action_latency * 1e9)
    parts = [stream.ensemble.evaluate(instant) for stream in executor.streams.values()]
    return None if any(p is None for p in parts) else np.concatenate([p for p in parts if p is not None])
