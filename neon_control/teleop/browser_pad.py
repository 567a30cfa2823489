"""A gamepad as the browser sees it, in the order of `joy_node`: one file of a map, and its defaults, serve both.

The browser knows most gamepads by name and numbers them alike: the W3C's standard gamepad, whose axes are positive to the right and
downwards, and whose cross and triggers are buttons. `joy_node` tells what Linux tells of a gamepad of the Xbox kind: positive to the
left and upwards, the cross as two axes, the triggers as axes that rest at +1. What the browser does not know comes as Linux numbers it.
"""

from __future__ import annotations

from collections.abc import Sequence

BUTTONS = (0, 1, 2, 3, 4, 5, 8, 9, 16, 10, 11)  # of the standard gamepad, in joy_node's order: A B X Y LB RB back start guide, both sticks
LEFT_TRIGGER, RIGHT_TRIGGER = 6, 7  # buttons of the standard gamepad, as those that follow
UP, DOWN, LEFT, RIGHT = 12, 13, 14, 15
PRESSED = 0.5  # from here on a button that knows more than two states is


def as_joy(axes: Sequence[float], buttons: Sequence[float], standard: bool) -> tuple[list[float], list[int]]:
    """Axes in [-1, 1] and buttons as of `sensor_msgs/Joy`, from the browser's axes and the values of its buttons in [0, 1]."""
    if not standard:
        return [-a for a in axes], [int(b > PRESSED) for b in buttons]
    x, y, right_x, right_y = [*axes[:4], *[0.0] * (4 - len(axes))]
    b = [*buttons, *[0.0] * (17 - len(buttons))]
    sticks = [-x, -y, 1.0 - 2.0 * b[LEFT_TRIGGER], -right_x, -right_y, 1.0 - 2.0 * b[RIGHT_TRIGGER]]
    return [*sticks, b[LEFT] - b[RIGHT], b[UP] - b[DOWN]], [int(b[number] > PRESSED) for number in BUTTONS]
