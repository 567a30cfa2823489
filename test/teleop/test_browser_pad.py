"""A gamepad as the browser sees it moves what the same gamepad moves through `joy_node`."""

from __future__ import annotations

import pytest

from neon_control.core.robot.robot_file import load_robot
from neon_control.teleop.browser_pad import BUTTONS, DOWN, LEFT, LEFT_TRIGGER, UP, as_joy
from neon_control.teleop.gamepad import Gamepad, GamepadFile

ROBOT = load_robot("g1.yaml")
# What joy_node says of an Xbox gamepad: 8 axes, 11 buttons.
REST = [0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0]


def pressed(*numbers: int) -> list[float]:
    return [float(i in numbers) for i in range(17)]


@pytest.mark.parametrize(
    ("axes", "buttons", "changed", "down"),
    [
        ([0, 0, 0, 0], pressed(), {}, []),
        ([0, -1, 0, 0], pressed(4), {1: 1.0}, [4]),  # the left stick forwards, the left shoulder
        ([-1, 0, 0.5, 0.25], pressed(0), {0: 1.0, 3: -0.5, 4: -0.25}, [0]),
        ([0, 0, 0, 0], pressed(LEFT, UP), {6: 1.0, 7: 1.0}, []),
        ([0, 0, 0, 0], pressed(DOWN, LEFT_TRIGGER), {7: -1.0, 2: -1.0}, []),
        ([0, 0, 0, 0], pressed(8, 9, 16, 10, 11), {}, [6, 7, 8, 9, 10]),
        ([], [], {}, []),
    ],
)
def test_the_standard_gamepad_has_joy_nodes_order_and_signs(axes: list, buttons: list, changed: dict, down: list) -> None:
    got, held = as_joy(axes, buttons, True)
    assert got == pytest.approx([changed.get(i, rest) for i, rest in enumerate(REST)])
    assert [i for i, value in enumerate(held) if value] == down and len(held) == len(BUTTONS)


def test_the_defaults_of_the_map_drive_and_jog_alike() -> None:
    pad = Gamepad(ROBOT, ROBOT.parts["arms"], GamepadFile())
    pad.jog.measured = dict.fromkeys(ROBOT.joints, 0.2)
    pad.hear(*as_joy([0.0, -1.0, 0.0, 0.0], pressed(4, UP), True), 1.0)
    pad.wish(1.0)
    wish = pad.wish(1.1)
    assert wish.held and wish.drive is not None and wish.drive.tolist() == [0.3, 0.0, 0.0]
    assert wish.joints == {ROBOT.parts["arms"][0]: pytest.approx(0.23)}


def test_what_the_browser_does_not_know_comes_as_linux_numbers_it() -> None:
    assert as_joy([0.25, -1.0], [0.0, 0.9, 1.0], False) == ([-0.25, 1.0], [0, 1, 1])
