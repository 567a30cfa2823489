"""The driver's end of Unitree's DDS: requests, answers, hands, and who else is there."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from cyclonedds.domain import DomainParticipant
from dds_domain import claimed_domain
from g1_bench import FINGERS, robot_with_hand
from waiting import wait_until

from neon_control.robots.unitree import messages
from neon_control.robots.unitree.channel import (
    ARM_SDK,
    BATTERY,
    HAND_STATE,
    LOOPBACK,
    LOW_STATE,
    ODOMETRY,
    SPORT_REQUEST,
    Channel,
    Reader,
    Writer,
)
from neon_control.robots.unitree.hands import Hand
from neon_control.robots.unitree.link import Link, battery_values, odometry_numbers
from neon_control.robots.unitree.packed import LOW_CMD
from neon_control.robots.unitree.section import Section
from neon_control.robots.unitree.settings import DriverSettings
from neon_control.robots.unitree.sport import Call

pytestmark = pytest.mark.system
SECOND = 10**9


class Robot:
    """Another participant in this process."""

    def __init__(self, domain: int) -> None:
        self.participant = DomainParticipant(domain)

    def writer(self, topic: str, kind: type) -> Writer:
        return Writer(self.participant, topic, kind)

    def reader(self, topic: str, kind: type, depth: int = 1) -> Reader:
        return Reader(self.participant, topic, kind, depth=depth)


@pytest.fixture
def channels() -> Iterator[tuple[Channel, Robot]]:
    """The driver's, and the robot's."""
    with claimed_domain() as domain:
        ours = Channel(LOOPBACK, domain)
        yield ours, Robot(domain)
        ours.close()


def test_calls_hands_odometry_and_battery(channels: tuple[Channel, Robot]) -> None:
    ours, theirs = channels
    hand = Hand(robot_with_hand(), "right", Section(), DriverSettings())
    link = Link(ours, [hand], refuse_silent_writers=True)
    requests = theirs.reader(SPORT_REQUEST, messages.Request, depth=8)
    odometry, battery = theirs.writer(ODOMETRY, messages.OdoState), theirs.writer(BATTERY, messages.BmsState)
    fingers = theirs.writer(HAND_STATE.format(side="right"), messages.HandState)
    commands = theirs.reader("rt/dex3/right/cmd", messages.HandCmd)
    wait_until(lambda: requests.writers and odometry.readers and battery.readers and fingers.readers and commands.writers, 20.0, "peers")

    link.send_call(Call(77, 7105, '{"velocity": [0.1, 0.0, 0.0], "duration": 0.4}'))
    got = wait_until(requests.take, 20.0, "the request")[0]
    assert (got.header.identity.id, got.header.identity.api_id, got.parameter) == (
        77,
        7105,
        '{"velocity": [0.1, 0.0, 0.0], "duration": 0.4}',
    )

    odometry.write(messages.OdoState(position=[1.0, 2.0, 3.0]))
    message = wait_until(link.odometry, 20.0, "odometry")
    assert list(odometry_numbers(message)[0]) == [1.0, 2.0, 3.0]

    battery.write(messages.BmsState(soc=81, current=-1500))
    wait_until(lambda: link.take_battery() or link.battery, 20.0, "the battery")
    assert link.battery is not None and battery_values(link.battery)["battery_percent"] == 81.0

    state = messages.HandState(motor_state=[messages.MotorState(q=0.1 * i) for i in range(7)], error=[0, 4])
    fingers.write(state)
    wait_until(lambda: link.measure_hand(SECOND, hand), 20.0, "the hand")
    np.testing.assert_allclose(hand.positions, 0.1 * np.arange(7), rtol=1e-6)
    assert hand.errors == 4 and hand.step(SECOND, follow=True)
    link.send_hand(hand)
    command = wait_until(commands.take, 20.0, "its command")[0]
    assert len(command.motor_cmd) == len(FINGERS) and command.motor_cmd[0].kp == 2.0 and command.motor_cmd[6].mode == 0x16
    assert command.motor_cmd[3].q == pytest.approx(0.3)


def test_who_else_is_there(channels: tuple[Channel, Robot]) -> None:
    ours, theirs = channels
    link = Link(ours, [], refuse_silent_writers=True)
    now = SECOND

    def causes() -> list[tuple[str, bool]]:
        nonlocal now
        now += SECOND
        return [(problem.cause, problem.latched) for problem in link.problems(now)]

    assert causes() == [("listener", False)]
    reader = theirs.reader(ARM_SDK, messages.LowCmd)
    wait_until(lambda: causes() == [], 20.0, "a reader")

    writer = theirs.writer(ARM_SDK, messages.LowCmd)
    wait_until(lambda: causes() == [("writers", False)], 20.0, "a silent writer")
    writer.write(LOW_CMD.make().to_wire())
    wait_until(lambda: causes() == [("writers", True)], 20.0, "a writer that writes")
    assert link.foreign == 1

    robots = [theirs.writer(LOW_STATE, messages.LowState) for _ in range(2)]
    wait_until(lambda: ("robots", False) in causes(), 20.0, "two robots")
    assert reader is not None and robots


def test_a_silent_writer_may_be_tolerated(channels: tuple[Channel, Robot]) -> None:
    ours, theirs = channels
    link = Link(ours, [], refuse_silent_writers=False)
    reader, writer = theirs.reader(ARM_SDK, messages.LowCmd), theirs.writer(ARM_SDK, messages.LowCmd)
    wait_until(lambda: link.other_writers == 1 and link.listeners == 1, 20.0, "the other")

    assert list(link.problems(SECOND)) == [] and reader is not None
    writer.write(LOW_CMD.make().to_wire())
    now = iter(range(2 * SECOND, 1000 * SECOND, SECOND))
    wait_until(lambda: [p.cause for p in link.problems(next(now))] == ["writers"], 20.0, "what it writes")
