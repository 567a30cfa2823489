"""Joints moved by small steps."""

from __future__ import annotations

from neon_control.core.robot.robot_file import load_robot
from neon_control.teleop.jog import Jog

ROBOT = load_robot("g1.yaml")
ELBOW = "left_elbow_joint"


def test_it_begins_where_the_robot_is_and_goes_on_from_its_own_target() -> None:
    jog = Jog(ROBOT, [ELBOW])
    jog.move(ELBOW, 0.1)
    assert not jog.targets, "nobody knows where it is"
    jog.measured = {ELBOW: 0.2}
    jog.move(ELBOW, 0.25)
    jog.measured = {ELBOW: 0.21}
    jog.move(ELBOW, 0.25)
    assert jog.targets == {ELBOW: 0.7}
    jog.release()
    assert not jog.targets


def test_it_stays_in_the_range() -> None:
    jog = Jog(ROBOT, [ELBOW])
    jog.measured = {ELBOW: 0.0}
    jog.move(ELBOW, -100.0)
    assert jog.targets == {ELBOW: ROBOT.joints[ELBOW].safe_lower}
