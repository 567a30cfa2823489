"""When to look and when to act: every decision of an inference, without threads and clocks.

The live loop asks from its threads, with the clock of ROS; an offline run asks with the times of a bag. Both then take the same images,
make the same chunks, and refuse for the same reasons. An image comes (`image_arrived`), or none does (`silent`); `look` gives the
observation, `keep` takes its features, and at one rate a chunk is made of them at once; `finish` ends the look, also after an error. At two
rates `next_start` gives the head, in its own rhythm, what to make a chunk of. `prefix` gives the steps that this chunk has to go on from,
`goes_out` is told that it is about to be published, and `acted` that it is out.

Images never queue: those that come while features are being computed are counted and dropped, and the next one that comes is looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from neon_control.core.common.errors import ChunkError, ObservationError
from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.control.chunk import ActionChunk
from neon_control.core.control.foresight import Foreseen
from neon_control.core.control.under_way import Prefix, UnderWay
from neon_control.core.robot.camera import input_name
from neon_control.core.sensing.observation import FUTURE_S, Observation, ObservationBuilder, nothing_told
from neon_control.runtime.policy.policy import Features, Policy
from neon_control.runtime.policy.rate import InferenceRate

SILENT_PERIODS = 2.0  # of the backbone: so long after the last look, the next one is due without an image, if only to say what is missing


@dataclass(frozen=True)
class Look:
    """What is to become features, and the policy that it was made for."""

    policy: Policy
    observation: Observation


@dataclass(frozen=True)
class ChunkStart:
    """What a chunk is made of. Features carry their policy along: after a change, another one cannot read them."""

    policy: Policy
    features: Features
    joint_positions: np.ndarray  # (J,) [rad]
    stamp: int  # [ns] the instant at which the chunk starts

    def chunk(self, prefix: Prefix | None = None) -> ActionChunk:
        """Run the action layer; what is raised is as of `Policy.act`."""
        committed = () if prefix is None else (prefix.values, prefix.further)
        return self.policy.act(self.features, self.joint_positions, self.stamp, *committed)


class InferenceDecisions:
    """One policy's decisions, from the first image on.

    `now` is the clock by which stamps are judged, `steady` one that always runs, where there is such a thing; both [ns].
    `look`, `keep` and `finish` belong to one thread, `next_start` may belong to another; `prefix`, `goes_out` and `acted` to the one that
    makes chunks. `told` may be called from any.

    Args:
        policy: what runs; its cameras are looked at from now on.
        builder: where the observations come from.
        backbone_rate_hz: [Hz] mean rate at which images become features, at most.
        head_rate_hz: [Hz] rate of the action layer; 0 for one chunk per features result.
        prefixes: whether chunks go on from what is committed, where the policy can.
        count: takes the name of a counter: `images_over_rate`, `requests_skipped` (features were still being computed), `unchanged_images`,
            `unchanged_joint_states`, `refusals` and `refusals_<input>`; of a policy that takes prefixes also `prefixes`, and
            `no_prefix_<reason>`.

    Attributes:
        busy: whether features are being computed, or are about to be.
        committed: the prefix of the newest chunk; None before the first.
    """

    def __init__(
        self,
        policy: Policy,
        builder: ObservationBuilder,
        backbone_rate_hz: float,
        head_rate_hz: float,
        count: Callable[[str], None],
        prefixes: bool = True,
    ) -> None:
        self.policy = policy
        self.two_rates = head_rate_hz > 0.0
        self.silent_period = round(SILENT_PERIODS * NANOSECONDS / backbone_rate_hz)  # [ns]
        self.head_period = round(NANOSECONDS / head_rate_hz) if self.two_rates else 0  # [ns]
        self.busy = False
        self._builder = builder
        self._rate = InferenceRate(backbone_rate_hz)
        self._count = count
        self._newest: tuple[Policy, Features] | None = None
        self._last_image: int | None = None  # [ns]
        self._last_joints: int | None = None  # [ns]
        self._last_asked: int | None = None  # [ns] on the steady clock
        self.committed: Prefix | None = None
        self._prefixes = prefixes
        self._prefixed = policy  # whose steps are under way
        self._under_way = UnderWay(**self._steps_of(policy))
        self._attend()

    @property
    def features_stamp(self) -> int | None:
        """[ns] time of the image that the newest features were made of; None before the first."""
        newest = self._newest
        return None if newest is None else newest[1].stamp

    def change(self, policy: Policy, now: int) -> None:
        """Run `policy`, which needs the same joints, from the next look on; until its features are there, the old one goes on to act.

        Raises:
            ObservationError: it needs a camera, the sound or words, which the old one did not, and which are missing or stale.
        """
        cameras = self._builder.cameras
        added = set(cameras.resolve(policy.file.vision.cameras)) - set(cameras.used)
        needed = {input_name(name): cameras.buffers[name].latest_stamp for name in sorted(added)}
        if policy.uses_audio and not self.policy.uses_audio and not self._builder.can_speak:
            needed["audio"] = self._builder.audio.latest_stamp
        if needed:
            self._builder.check(now, needed)
        if policy.needs_instruction and not self._builder.instruction:
            raise nothing_told()
        self.policy = policy

    def image_arrived(self, now: int, steady: int) -> bool:
        """Whether the image that arrived just now is to be looked at; if so, `finish` must follow."""
        if not self._rate.allows(now):
            self._count("images_over_rate")
            return False
        return self._ask(steady)

    def silent(self, steady: int) -> bool:
        """Whether a look is due although no image asked for one; if so, `finish` must follow."""
        due = self._last_asked is None or steady - self._last_asked > self.silent_period
        return due and self._ask(steady)

    def _ask(self, steady: int) -> bool:
        self._last_asked = steady
        if self.busy:
            self._count("requests_skipped")
            return False
        self.busy = True
        return True

    def look(self, now: int) -> Look | None:
        """The newest image and all that belongs to it; None if features were made of it already.

        Raises:
            ObservationError: an input is missing or stale.
        """
        policy = self._attend()
        observation = self._builder.build(now, use_joints=not self.two_rates)
        if observation.stamp == self._last_image:
            self._count("unchanged_images")
            return None
        return Look(policy, observation)

    def _attend(self) -> Policy:
        """Turn to what the running policy looks at and listens to."""
        policy = self.policy
        self._builder.use_audio, self._builder.needs_instruction = policy.uses_audio, policy.needs_instruction
        self._builder.cameras.look_at(policy.file.vision.clip, policy.file.vision.cameras)
        return policy

    def keep(self, look: Look, features: Features) -> ChunkStart | None:
        """Features are there; at one rate, what to make a chunk of at once."""
        self._newest = look.policy, features
        if not self.two_rates:
            return ChunkStart(look.policy, features, look.observation.joint_positions, look.observation.stamp)
        self._last_image = look.observation.stamp
        return None

    def finish(self, steady: int) -> None:
        """A look has ended, with or without features; a request that came meanwhile was dropped: the next one is due soon, and fresher."""
        self._last_asked = steady
        self.busy = False

    def next_start(self, now: int) -> ChunkStart | None:
        """At two rates, what to make the next chunk of; None before the first features, whose lack `look` has explained, or without a new
        joint state.

        Raises:
            ObservationError: features, joint state or words are missing, or stale.
        """
        newest = self._newest
        if newest is None:
            return None
        policy, features = newest
        if features.stamp > now + FUTURE_S * NANOSECONDS:  # the clock was set back: refused now, they must not become fresh again
            self._newest = None
        if policy.needs_instruction and not self._builder.instruction:
            raise nothing_told()  # it was taken back: what was seen while it held is not acted on any more
        stamp, joint_positions = self._builder.joint_states.latest()
        self._builder.check(now, {"features": features.stamp, "joint_states": stamp})
        if stamp == self._last_joints:
            self._count("unchanged_joint_states")
            return None
        return ChunkStart(policy, features, joint_positions, stamp)

    def told(self, stream: str, foreseen: Foreseen) -> None:
        """What the executor foresees of a stream."""
        self._under_way.told(stream, foreseen)

    def prefix(self, start: ChunkStart, now: int) -> Prefix:
        """The committed steps that a chunk is to go on from."""
        policy = start.policy
        if policy is not self._prefixed:
            self._under_way.begin(**self._steps_of(policy), reason="swap", why="the first chunks of another policy")
            self._prefixed = policy
        prefix = self._under_way.prefix(start.stamp, now)
        if policy.max_prefix and not self._prefixes:
            prefix = replace(prefix, reason="off", why="the parameter `prefixes` is off")
        if len(prefix):
            self._count("prefixes")
        elif policy.max_prefix:
            self._count(f"no_prefix_{prefix.reason}")
        self.committed = prefix
        return prefix

    def _steps_of(self, policy: Policy) -> dict[str, Any]:
        """What `UnderWay` has to know of a policy."""
        file, most = policy.file, policy.max_prefix if self._prefixes else 0
        reach = file.num_steps if most and file.forward_only else 0
        return {"names": file.space.names, "dt": file.dt, "most": most, "reach": reach}

    @property
    def delay(self) -> float | None:
        """[s] from an observation to the first step that its chunk can change, as it is reckoned with; None: not known yet."""
        return None if self._under_way.delay is None else self._under_way.delay * self._under_way.dt

    def goes_out(self, chunk: ActionChunk, now: int) -> None:
        """A chunk is about to be published."""
        self._under_way.goes_out(chunk, now)

    def acted(self, start: ChunkStart) -> None:
        """A chunk is out: what it was made of is not used again. After an error it is: what a library failed at once may work now."""
        if self.two_rates:
            self._last_joints = start.stamp
        else:
            self._last_image = start.stamp

    def refused(self, error: ObservationError | ChunkError) -> tuple[str, ...]:
        """Count a refusal; returns what is to blame."""
        reasons = (error.inputs or ("observation",)) if isinstance(error, ObservationError) else (error.reason,)
        self._count("refusals")
        for reason in reasons:
            self._count(f"refusals_{reason}")
        return reasons
