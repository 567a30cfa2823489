"""A gamepad as a hand."""

from __future__ import annotations

import math

import pytest

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.fields import Place, load
from neon_control.core.robot.robot_file import load_robot
from neon_control.teleop.gamepad import STALE, Gamepad, GamepadFile

ROBOT = load_robot("g1.yaml")
NAMES = ROBOT.parts["arms"]
HELD = [0, 0, 0, 0, 1]


def gamepad(**fields: object) -> Gamepad:
    built = Gamepad(ROBOT, NAMES, load(GamepadFile, fields, Place("pad.yaml")))
    built.jog.measured = dict.fromkeys(NAMES, 0.5)
    return built


def axes(**values: float) -> list[float]:
    return [values.get(f"a{i}", 0.0) for i in range(8)]


def test_the_shoulder_button_holds_and_silence_lets_go() -> None:
    pad = gamepad()
    assert not pad.wish(1.0).held
    pad.hear(axes(), HELD, 1.0)
    assert pad.wish(1.0 + STALE).held and not pad.wish(1.01 + STALE).held
    pad.hear(axes(), [0] * 5, 2.0)
    assert not pad.wish(2.0).held


def test_the_stick_drives_beyond_its_dead_zone() -> None:
    pad = gamepad()
    pad.hear(axes(a1=1.0, a0=0.05), HELD, 1.0)
    drive = pad.wish(1.0).drive
    assert drive is not None and drive.tolist() == [0.3, 0.0, 0.0]


def test_what_is_no_number_moves_nothing() -> None:
    pad = gamepad()
    pad.hear(axes(a1=math.nan, a7=math.nan), HELD, 1.0)
    wish = pad.wish(1.0)
    assert wish.drive is not None and not wish.drive.any() and not wish.joints


def test_the_cross_chooses_a_joint_once_a_press_and_moves_it_by_time() -> None:
    pad = gamepad()
    for moment in (1.0, 1.05):
        pad.hear(axes(a6=1.0), HELD, moment)
    assert pad.chosen == NAMES[1]
    pad.wish(1.05)
    pad.hear(axes(a7=1.0), HELD, 1.1)
    assert pad.wish(1.15).joints == {NAMES[1]: pytest.approx(0.53)}


def test_a_file_says_what_axes_and_buttons_do() -> None:
    pad = gamepad(enable=1, give_back=2, base={}, jog=False, joints={"left_elbow_joint": {"axis": 2, "scale": -1.0}})
    pad.hear(axes(a2=1.0), [0, 1, 0], 1.0)
    pad.wish(1.0)
    wish = pad.wish(1.1)
    assert wish.joints == {"left_elbow_joint": pytest.approx(0.4)} and wish.drive is None
    pad.hear(axes(), [0, 0, 1], 1.2)
    assert pad.wish(1.2).gives_back


@pytest.mark.parametrize(
    ("fields", "text"), [({"base": {"up": {"axis": 1}}}, "up"), ({"joints": {"nose": {"axis": 1}}}, "nose"), ({"enable": -1}, "enable")]
)
def test_a_wrong_file_is_refused_by_name(fields: dict[str, object], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        gamepad(**fields)
