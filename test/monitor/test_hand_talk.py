"""The conversation with pages that may take the robot."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import viser
from waiting import wait_until
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from neon_control.core.robot.kinematics import Kinematics
from neon_control.core.robot.robot_file import load_robot
from neon_control.monitor.hand_talk import HandTalk
from neon_control.monitor.origin import PageGuard, Place, guarded_by
from neon_control.teleop.browser import BrowserHand

ROBOT = load_robot("g1.yaml")
KINEMATICS = Kinematics(ROBOT.urdf_path)
ELBOW = "left_elbow_joint"
LIMIT = 20.0  # [s]


class Desk:
    """A served hand, as the page's server has it."""

    def __init__(self) -> None:
        self.hand = BrowserHand(ROBOT, KINEMATICS, silence=LIMIT)
        self.hand.measured = dict.fromkeys(ROBOT.joints, 0.25)
        self.armed = threading.Event()
        talk = HandTalk(self.hand, ROBOT, lambda: "policy", lambda: ["left_arm"], self.armed.set)
        with guarded_by(PageGuard("127.0.0.1"), {"/hand": Place("", talk.talk)}):
            self.server = viser.ViserServer(host="127.0.0.1", port=8420, verbose=False)

    def page(self, number: int) -> ClientConnection:
        return connect(f"ws://127.0.0.1:{self.server.get_port()}/hand?client={number}")


@contextmanager
def desk() -> Iterator[Desk]:
    built = Desk()
    try:
        yield built
    finally:
        built.server.stop()


def hear(page: ClientConnection, **wanted: object) -> dict[str, Any]:
    """The first message that says this."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        said = json.loads(page.recv(LIMIT))
        if wanted.items() <= said.items():
            return dict(said)
    raise AssertionError(f"nobody says {wanted}")


def test_a_page_arms_hears_what_it_may_move_and_is_followed_until_it_is_gone() -> None:
    with desk() as served:
        with served.page(1) as page:
            assert hear(page)["commander"] == "policy" and not served.armed.is_set()
            page.send('{"arm":true}')
            told = hear(page, armed="this page")
            assert served.armed.is_set() and told["base"] == ["vx", "vy", "yaw_rate"]
            joint = ROBOT.joints[ELBOW]
            assert [ELBOW, joint.safe_lower, joint.safe_upper] in told["limbs"]["left_arm"] and told["measured"][ELBOW] == 0.25
            page.send(json.dumps({"t": told["t"]}))
            wait_until(lambda: (served.hand.wish(time.monotonic()), not served.hand.has_lost)[1], LIMIT, "a hand that holds nothing")
            page.send(json.dumps({"t": hear(page)["t"], "held": True, "joints": {ELBOW: 0.5}}))
            wait_until(lambda: served.hand.wish(time.monotonic()).joints == {ELBOW: 0.5}, LIMIT, "a hand that leads")
            assert hear(page, held=True)["lost"] is False
        wait_until(lambda: not served.hand.page, LIMIT, "a hand that was put away")
        assert not served.hand.wish(time.monotonic()).held


def test_one_page_has_it_and_the_other_one_is_told_so_until_it_puts_it_away() -> None:
    with desk() as served, served.page(1) as first, served.page(2) as second:
        first.send('{"arm":true}')
        hear(first, armed="this page")
        second.send('{"arm":true}')
        assert "limbs" not in hear(second, armed="another page")
        first.send('{"arm":false}')
        hear(second, armed="")
        second.send('{"arm":true}')
        assert "limbs" in hear(second, armed="this page")


@pytest.mark.parametrize("text", ["nonsense", '{"t": 1, "joints": {"nose": 1}}', "[" * 30000])
def test_who_says_what_is_no_message_is_shown_the_door_and_has_let_go(text: str) -> None:
    with desk() as served, served.page(1) as page:
        page.send('{"arm":true}')
        hear(page, armed="this page")
        page.send(text)
        with pytest.raises(ConnectionClosed, match="1008"):
            hear(page, never=True)
        wait_until(lambda: not served.hand.page, LIMIT, "a hand that was put away")
