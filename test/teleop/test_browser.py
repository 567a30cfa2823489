"""A hand in a browser: what is held counts only while the page says so, in answer to what it heard just now."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neon_control.core.robot.kinematics import Kinematics
from neon_control.core.robot.robot_file import load_robot
from neon_control.teleop.browser import DRAG_FIRST, SHARE, SILENCE, BrowserHand
from neon_control.teleop.browser_message import Said
from neon_control.teleop.gamepad import Gamepad, GamepadFile
from neon_control.teleop.wish import Wish

ROBOT = load_robot("g1.yaml")
KINEMATICS = Kinematics(ROBOT.urdf_path)
ELBOW, HAND = "left_elbow_joint", "left_hand_tcp"
PERIOD = 0.02  # [s]


def armed() -> BrowserHand:
    hand = BrowserHand(ROBOT, KINEMATICS)
    hand.measured = dict.fromkeys(ROBOT.joints, 0.2)
    assert hand.arm("a")
    hand.hear("a", Said(0.0))
    hand.wish(0.0)
    return hand


def told(hand: BrowserHand, now: float, **said: object) -> Wish:
    hand.hear("a", Said(now - 0.03, **said))  # type: ignore[arg-type]
    return hand.wish(now)


def test_what_is_held_leads_and_sliders_are_targets() -> None:
    hand = armed()
    wish = told(hand, 1.0, held=True, joints={ELBOW: 0.4}, drive=np.array([1.0, 0.0, -0.5]))
    assert wish.held and wish.joints == {ELBOW: 0.4}
    assert ROBOT.base is not None
    np.testing.assert_allclose(wish.drive, SHARE * ROBOT.base.max_velocity * [1.0, 0.0, -0.5])
    assert not told(hand, 1.02).held and told(hand, 1.04, gives_back=True).gives_back and hand.gave == 1


def test_silence_lets_go_and_then_it_has_to_be_pressed_anew() -> None:
    hand = armed()
    assert told(hand, 1.0, held=True).held
    assert hand.wish(0.96 + SILENCE).held and not hand.wish(0.98 + SILENCE).held
    assert hand.has_lost and not told(hand, 2.0, held=True).held
    assert not told(hand, 2.1).held and told(hand, 2.2, held=True).held


@given(delays=st.lists(st.floats(0.0, 0.6), min_size=1, max_size=30))
def test_a_burst_of_old_messages_never_holds(delays: list[float]) -> None:
    hand = armed()
    last = None  # [s] when something fresh was heard last
    for i, delay in enumerate(delays):
        now = 1.0 + PERIOD * i
        hand.hear("a", Said(now - delay, held=True))
        wish = hand.wish(now)
        last = now if delay <= SILENCE else last
        assert not wish.held or now - last <= SILENCE


def test_what_was_held_when_it_was_armed_does_not_count() -> None:
    hand = BrowserHand(ROBOT, KINEMATICS)
    hand.arm("a")
    assert not told(hand, 1.0, held=True).held and not told(hand, 1.02, held=True, pointer=True).held
    assert not told(hand, 1.04).held and told(hand, 1.06, held=True).held


def test_one_page_has_the_hand_until_it_puts_it_away() -> None:
    hand = armed()
    assert not hand.arm("b")
    hand.hear("b", Said(1.0, held=True))
    hand.drag("b", HAND, np.zeros(3), np.eye(3), 1.0)
    hand.disarm("b")
    assert not hand.wish(1.0).held and hand.page == "a" and not hand.hands.dragged
    assert told(hand, 1.1, held=True).held
    hand.disarm("a")
    assert not hand.wish(1.1).held and hand.arm("b")


def test_a_hand_that_is_dragged_is_led_while_the_pointer_is_down() -> None:
    hand = armed()
    place, rotation = hand.hands.pose(HAND, hand.measured)
    goal = place + np.array([0.05, 0.0, 0.05])
    hand.drag("a", HAND, goal, rotation, 1.0)
    assert not told(hand, 1.01).held, "the page's other connection has not told of the pointer yet"
    wish = told(hand, 1.03, pointer=True)
    assert wish.held and set(wish.joints) == set(ROBOT.groups["left_arm"])
    limits = ROBOT.limits(ROBOT.groups["left_arm"], "max_velocity")
    last, now = dict(hand.measured), 1.03
    for _ in range(100):
        now += PERIOD
        wish = told(hand, now, pointer=True)
        moved = np.array([abs(wish.joints[n] - last[n]) for n in wish.joints])
        assert (moved <= limits * PERIOD + 1e-9).all()
        last |= wish.joints
        hand.measured = last
    np.testing.assert_allclose(hand.hands.pose(HAND, last)[0], goal, atol=0.01)
    assert not hand.hands.complaint and not told(hand, now + PERIOD).held and not hand.hands.dragged


def test_a_pointer_that_drags_nothing_holds_nothing() -> None:
    hand = armed()
    assert not told(hand, 1.0, pointer=True).held
    hand.drag("a", HAND, np.zeros(3), np.eye(3), 1.0)
    assert not told(hand, 1.01).held and not told(hand, 1.02 + DRAG_FIRST).held and not hand.hands.dragged


def test_joints_that_were_not_measured_yet_are_not_led() -> None:
    hand = armed()
    hand.measured = {}
    hand.drag("a", HAND, np.zeros(3), np.eye(3), 1.0)
    assert told(hand, 1.0, pointer=True).joints == {}


def test_a_robot_without_a_base_is_not_driven() -> None:
    robot = load_robot("arm6.yaml")
    hand = BrowserHand(robot, Kinematics(robot.urdf_path))
    hand.arm("a")
    told(hand, 1.0)
    assert told(hand, 1.1, held=True).drive is None
    with pytest.raises(KeyError):
        hand.hands.pose("no_hand", {})


def test_a_gamepad_leads_like_any_other_and_after_silence_has_to_be_pressed_anew_too() -> None:
    hand = armed()
    names = ROBOT.groups["left_arm"]
    hand.gamepad = Gamepad(ROBOT, names, GamepadFile())
    rest, forwards = [0.0] * 8, [0.0, 1.0, *[0.0] * 5, 1.0]
    assert not told(hand, 1.0, pad=(forwards, [0] * 11)).held
    told(hand, 1.02, pad=(forwards, [0, 0, 0, 0, 1]))
    wish = told(hand, 1.12, pad=(forwards, [0, 0, 0, 0, 1]))
    assert wish.held and wish.joints == {names[0]: pytest.approx(0.23)} and wish.drive is not None and wish.drive[0] == 0.3
    assert not hand.wish(2.0).held and not told(hand, 2.1, pad=(forwards, [0, 0, 0, 0, 1])).held
    assert told(hand, 2.2, pad=(rest, [1, 0, 0, 0, 0])).gives_back
    assert told(hand, 2.3, pad=(rest, [0, 0, 0, 0, 1])).held
    assert not told(hand, 2.4).held, "it was pulled out"
