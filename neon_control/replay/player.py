"""Plays a bag into the graph: messages as they were recorded, byte by byte, and the bag's time on /clock.

The clock never passes a message that has not been sent: where this computer cannot keep up, time itself goes slower, and no node
finds its inputs older than they were on the day.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from rclpy.duration import Duration, Infinite
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, LivelinessPolicy, QoSProfile, ReliabilityPolicy
from rosbags.interfaces import Qos, QosTime
from rosgraph_msgs.msg import Clock

from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.robot.topic_names import INSTRUCTION
from neon_control.nodes.chunk_messages import LATCHED, to_time
from neon_control.recordings.bag.bag_file import Bag, BagError
from neon_control.recordings.bag.message_types import find_definition
from neon_control.recordings.bag.messages import digest_of
from neon_control.replay.listening import message_class

NOT_PLAYED = ("/clock", "/rosout", "/parameter_events")  # they belong to the nodes and the time of the day
CLOCK_QOS = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
LONGEST = (2**31 - 1) * NANOSECONDS  # [ns] from here on a duration is DDS's word for "infinite", as Foxy recorded it
DEPTH = 10  # of topics whose recorded depth is unknown, as discovery tells none
MAX_LAG = 0.1  # [s] beyond this the clock goes slower instead
POLL = 0.02  # [s] between two looks at the keyboard while paused


class BagTime:
    """The bag's time: runs at `rate`, stands still while paused, and can be set."""

    def __init__(self, start: int, rate: float, monotonic: Callable[[], int] = time.monotonic_ns) -> None:
        self._rate = rate
        self._monotonic = monotonic
        self.paused = False
        self.set(start)

    def now(self) -> int:
        """[ns]"""
        return self._time if self.paused else self._time + round((self._monotonic() - self._since) * self._rate)

    def set(self, now: int) -> None:
        """Go on from `now` [ns]."""
        self._time, self._since = now, self._monotonic()

    def toggle(self) -> None:
        """Pause, or go on."""
        self.set(self.now())
        self.paused = not self.paused


class Player:
    """Publishers for every topic of `bag`, and the loop that plays it.

    Attributes:
        problems: topic -> why it cannot be played.
        sent: messages published so far.
        slowed: [s] of real time by which the replay took longer, because this computer could not keep up.

    Args:
        names: topic -> the name under which it is played; others keep their own.
        rate: bag seconds in a second.
        clock_hz: of /clock, in real time and at least as often in the bag's.
    """

    def __init__(self, node: Node, bag: Bag, names: Mapping[str, str], rate: float = 1.0, clock_hz: float = 200.0) -> None:
        self._bag = bag
        self._rate = rate
        self.problems: dict[str, str] = {}
        self.sent = 0
        self.slowed = 0.0
        self._clock = node.create_publisher(Clock, "/clock", CLOCK_QOS)
        self._clock_period = 1.0 / (clock_hz * max(1.0, rate))  # [s]
        self._clock_sent = -math.inf  # [s, monotonic]
        self.publishers: dict[str, Publisher[Any]] = {}
        self._told: list[str] = []  # topics on which the policy is told what to do: the newest text holds
        told = node.resolve_topic_name(INSTRUCTION)
        for topic in bag.topics.values():
            if topic.name in NOT_PLAYED:
                continue
            try:
                find_definition(topic.type, topic.digest or digest_of(topic.type, topic.definition))
                kind = message_class(topic.type)
            except BagError as error:
                self.problems[topic.name] = str(error)
            else:
                name = names.get(topic.name, topic.name)
                is_told = name == told
                self._told += [topic.name] if is_told else []
                self.publishers[topic.name] = node.create_publisher(kind, name, played_qos(topic.qos, latched=is_told))

    def listeners(self, topic: str) -> int:
        """How many subscriptions of other nodes the publisher of `topic` has found; of /clock too."""
        publisher = self._clock if topic == "/clock" else self.publishers[topic]
        return int(publisher.get_subscription_count())

    def play(self, keys: Callable[[], str], watch: Callable[[int, bool], None]) -> None:
        """One round.

        Args:
            keys: asked for a key that was pressed: space pauses and goes on, s or right sends the next message and pauses.
            watch: called several times a second with the bag time [ns] and whether it stands still; may raise to end the replay.
        """
        clock = BagTime(self._bag.start, self._rate)
        watched = -math.inf
        for message in self._bag.held([topic for topic in self._told if topic in self.publishers]):
            self.publishers[message.topic].publish(message.data)
        for message in self._bag.messages(self.publishers):
            while True:
                key = keys()
                if key == " ":
                    clock.toggle()
                elif key in ("s", "right"):
                    if not clock.paused:
                        clock.toggle()
                    clock.set(message.time)
                now = min(clock.now(), message.time)
                if time.monotonic() - watched >= 0.1:
                    watched = time.monotonic()
                    watch(now, clock.paused)
                wait = self.tell_time(now)
                if now == message.time:
                    break
                until = math.inf if clock.paused else (message.time - now) * 1e-9 / self._rate
                time.sleep(max(0.0, min(wait, until, POLL)))
            lag = (clock.now() - message.time) * 1e-9 / self._rate
            if lag > MAX_LAG:
                self.slowed += lag
                clock.set(message.time)
            self.publishers[message.topic].publish(message.data)
            self.sent += 1
        watch(self._bag.end, False)

    def tell_time(self, now: int | None = None) -> float:
        """Publish /clock if it is due, at the begin of a round if no time [ns] is given; returns how long [s] until it is due again."""
        moment = time.monotonic()
        if moment - self._clock_sent >= self._clock_period:
            self._clock_sent = moment
            self._clock.publish(Clock(clock=to_time(self._bag.start if now is None else now)))
        return self._clock_sent + self._clock_period - moment


def played_qos(recorded: tuple[Qos, ...], latched: bool = False) -> QoSProfile:
    """The profile to play a topic with: what its publishers offered; of several, what each of them offered at least.

    Args:
        latched: whoever listens needs it latched, whatever the recording says.
    """
    if latched:
        return LATCHED
    if not recorded:
        return QoSProfile(depth=DEPTH)  # reliable: it serves every subscription

    def span(values: list[QosTime]) -> Duration:
        nanoseconds = max(v.sec * NANOSECONDS + v.nsec for v in values)
        return Duration(nanoseconds=nanoseconds) if 0 < nanoseconds < LONGEST else Infinite

    reliable = all(q.reliability.name == "RELIABLE" for q in recorded)
    lasting = all(q.durability.name == "TRANSIENT_LOCAL" for q in recorded)
    return QoSProfile(
        depth=max([q.depth for q in recorded if q.history.name == "KEEP_LAST"], default=0) or DEPTH,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if lasting else DurabilityPolicy.VOLATILE,
        deadline=span([q.deadline for q in recorded]),
        lifespan=span([q.lifespan for q in recorded]),
        liveliness=LivelinessPolicy.AUTOMATIC,
        liveliness_lease_duration=span([q.liveliness_lease_duration for q in recorded]),
    )
