"""What is said of the button."""

from __future__ import annotations

from neon_control.teleop.wish import AGAIN, Button, Wish


def test_true_while_it_is_held_and_nothing_when_it_is_let_go() -> None:
    button = Button()
    assert button.say(Wish(), 1.0) is None
    assert button.say(Wish(held=True), 1.0) is True
    assert button.say(Wish(), 1.02) is None, "silence, at which the robot stops: false would give it back to the policy"


def test_to_give_back_is_said_for_a_moment_and_ends_where_somebody_holds_again() -> None:
    button = Button()
    assert button.say(Wish(gives_back=True), 1.0) is False
    assert button.say(Wish(), 1.0 + AGAIN / 2) is False and button.say(Wish(), 1.01 + AGAIN) is None
    button.say(Wish(gives_back=True), 2.0)
    assert button.say(Wish(held=True), 2.02) is True and button.say(Wish(), 2.04) is None
