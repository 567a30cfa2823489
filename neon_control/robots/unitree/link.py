"""The driver's end of Unitree's DDS: readers and writers of all topics, and what is wrong with who else is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.robots.unitree.channel import (
    ARM_SDK,
    BATTERY,
    HAND_COMMAND,
    HAND_STATE,
    LOW_STATE,
    ODOMETRY,
    SPORT_REQUEST,
    SPORT_RESPONSE,
    Channel,
)
from neon_control.robots.unitree.hands import Hand
from neon_control.robots.unitree.messages import (
    BmsState,
    HandCmd,
    HandState,
    LowCmd,
    LowState,
    MotorCmd,
    OdoState,
    Request,
    RequestHeader,
    RequestIdentity,
    Response,
)
from neon_control.robots.unitree.problem import Problem
from neon_control.robots.unitree.sport import Answer, Call

DEPTH = 64  # messages that wait while the driver is held up
LOOK_EVERY = NANOSECONDS // 10  # [ns] between two looks at who else is there


class Link:
    """See the module's text.

    Attributes:
        channel: DDS itself.
        unsent: messages that DDS did not take.
        foreign: messages of others on `rt/arm_sdk`.
        battery: the newest message about it; None before the first.
    """

    def __init__(self, channel: Channel, hands: Iterable[Hand], refuse_silent_writers: bool) -> None:
        self.channel, self._refuse_silent = channel, refuse_silent_writers
        self._states = channel.reader(LOW_STATE, LowState, raw=True, depth=DEPTH)
        self._arms = channel.writer(ARM_SDK, LowCmd)
        self._other_arms = channel.reader(ARM_SDK, LowCmd, raw=True)
        self._requests, self._responses = channel.writer(SPORT_REQUEST, Request), channel.reader(SPORT_RESPONSE, Response, depth=DEPTH)
        self._odometry, self._battery = channel.reader(ODOMETRY, OdoState), channel.reader(BATTERY, BmsState)
        self._hands = {
            hand.side: (
                channel.reader(HAND_STATE.format(side=hand.side), HandState),
                channel.writer(HAND_COMMAND.format(side=hand.side), HandCmd),
            )
            for hand in hands
        }
        self.unsent = self.foreign = 0
        self.battery: BmsState | None = None
        self._looked: int | None = None  # [ns]
        self._others: list[Problem] = []

    def states(self) -> list[bytes]:
        """Messages of lowstate since the last call."""
        return self._states.take()

    def send_arms(self, data: bytes) -> None:
        """One message on `rt/arm_sdk`."""
        self.unsent += not self._arms.write(data)

    def send_call(self, call: Call) -> None:
        """One request to the sport service."""
        header = RequestHeader(RequestIdentity(call.id, call.api))
        self.unsent += not self._requests.write(Request(header, call.parameter))

    def answers(self) -> Iterator[Answer]:
        """What the sport service has answered, whoever asked."""
        for message in self._responses.take():
            identity = message.header.identity
            yield Answer(identity.id, identity.api_id, message.header.status.code, message.data)

    def odometry(self) -> OdoState | None:
        """The robot's newest odometry since the last call."""
        taken = self._odometry.take()
        return taken[-1] if taken else None

    def take_battery(self) -> None:
        """Remember the newest message about the battery."""
        for message in self._battery.take():
            self.battery = message

    def measure_hand(self, now: int, hand: Hand) -> bool:
        """Hand over what a hand has said since the last call; whether there was something."""
        taken = self._hands[hand.side][0].take()
        if taken:
            motors, errors = taken[-1].motor_state, taken[-1].error
            hand.measure(now, [m.q for m in motors], [m.dq for m in motors], errors[0] | errors[1])
        return bool(taken)

    def send_hand(self, hand: Hand) -> None:
        """One message to a hand, of its targets."""
        targets = hand.targets
        rows = zip(hand.modes, targets.positions.tolist(), targets.velocities.tolist(), hand.kp.tolist(), hand.kd.tolist(), strict=True)
        self.unsent += not self._hands[hand.side][1].write(HandCmd([MotorCmd(mode, q, dq, 0.0, kp, kd) for mode, q, dq, kp, kd in rows]))

    @property
    def listeners(self) -> int:
        """How many read `rt/arm_sdk`."""
        return self._arms.readers

    @property
    def other_writers(self) -> int:
        """How many others may write to `rt/arm_sdk`."""
        return self._other_arms.writers

    def problems(self, now: int) -> Sequence[Problem]:
        """What is wrong with who else is there, as of the last look, at most 0.1 s ago."""
        if self._looked is None or now - self._looked >= LOOK_EVERY:
            self._looked = now
            self._others = list(self._look())
        return self._others

    def _look(self) -> Iterator[Problem]:
        heard = len(self._other_arms.take())
        self.foreign += heard
        writers = self.other_writers
        if heard or (writers and self._refuse_silent):
            says = "writes" if heard else "may write, and is silent (see refuse_silent_writers)"
            yield Problem("writers", f"another program {says} on {ARM_SDK}: two of them fight for the arms", latched=bool(heard))
        if self._states.writers > 1:
            yield Problem("robots", f"{self._states.writers} robots publish {LOW_STATE} on this network: their states would be mixed")
        if not self.listeners:
            yield Problem("listener", f"nobody reads {ARM_SDK}")


def odometry_numbers(message: OdoState) -> tuple[Sequence[float], Sequence[float], Sequence[float], Sequence[float]]:
    """Position, orientation w x y z, linear and angular velocity."""
    return message.position, message.orientation, message.linear_velocity, message.angular_velocity


def battery_values(message: BmsState) -> dict[str, float]:
    """What the battery says, for diagnostics."""
    return {
        "battery_percent": float(message.soc),
        "battery_v": message.bmsvoltage[0] * 1e-3,
        "battery_a": message.current * 1e-3,
        "battery_deg_c": float(np.max(message.temperature)),
    }
