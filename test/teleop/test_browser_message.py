"""What a browser says of the hand in it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neon_control.core.common.errors import ObservationError
from neon_control.core.robot.robot_file import load_robot
from neon_control.teleop.browser_message import MOST_BYTES, read

ROBOT = load_robot("g1.yaml")
ELBOW = "left_elbow_joint"
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5), lambda c: st.lists(c) | st.dictionaries(st.text(), c)
)


def test_positions_stay_within_the_robots_range_and_shares_within_one() -> None:
    said = read(json.dumps({"t": 1.5, "held": True, "pointer": False, "joints": {ELBOW: 99.0}, "drive": [2, -0.5, -7]}), ROBOT)
    assert said.echo == 1.5 and said.held and not said.pointer and not said.gives_back
    assert said.joints == {ELBOW: ROBOT.joints[ELBOW].safe_upper} and said.drive.tolist() == [1.0, -0.5, -1.0]
    assert not read('{"t": 1, "held": 1, "pointer": "yes"}', ROBOT).held, "nothing but true is held"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[" * MOST_BYTES * 2, "at most"),
        ("[" * 10000, "JSON"),
        ("nonsense", "JSON"),
        ("[1]", "list"),
        ("{}", "t:"),
        ('{"t": NaN}', "t:"),
        ('{"t": true}', "t:"),
        ('{"t": 1' + 400 * "0" + "}", "t:"),
        ('{"t": 1, "joints": {"nose": 1}}', "nose"),
        ('{"t": 1, "joints": [1]}', "joints"),
        ('{"t": 1, "joints": {"left_elbow_joint": 1e999}}', "numbers"),
        ('{"t": 1, "drive": [1]}', "3 are needed"),
        ('{"t": 1, "drive": "abc"}', "drive"),
    ],
)
def test_what_is_no_message_is_refused(text: str, why: str) -> None:
    with pytest.raises(ObservationError, match=why):
        read(text, ROBOT)


@given(st.dictionaries(st.sampled_from(["t", "held", "pointer", "back", "joints", "drive", "pad"]), ANYTHING))
def test_whatever_comes_is_read_or_refused(data: dict) -> None:
    try:
        said = read(json.dumps(data), ROBOT)
    except ObservationError:
        return
    assert said.held in (True, False) and abs(said.drive).max() <= 1.0
