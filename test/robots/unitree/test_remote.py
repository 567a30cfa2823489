"""Buttons of the remote control."""

from __future__ import annotations

import pytest

from neon_control.core.common.errors import ConfigError
from neon_control.robots.unitree.remote import StopButtons


def remote(*bits: int) -> bytes:
    return bytes(2) + sum(1 << bit for bit in bits).to_bytes(2, "little") + bytes(36)


def test_all_buttons_of_a_combination_have_to_be_pressed() -> None:
    buttons = StopButtons(["L2+B", "L1+A"])  # bits 5 and 9, 1 and 8

    assert buttons.pressed(remote()) == "" and buttons.pressed(remote(5)) == "" and buttons.pressed(remote(5, 8)) == ""
    assert buttons.pressed(remote(5, 9)) == "L2+B" and buttons.pressed(remote(1, 8, 15)) == "L1+A"


def test_no_combination_is_never_pressed() -> None:
    assert StopButtons([]).pressed(remote(*range(16))) == ""


def test_a_button_that_there_is_not_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"stop_buttons must be names of .* joined by \+, got 'L2\+C'"):
        StopButtons(["L2+C"])
