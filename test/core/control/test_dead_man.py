"""Who holds the button; silence stops and gives nothing back."""

from __future__ import annotations

import pytest

from neon_control.core.common.errors import ChunkError
from neon_control.core.control.dead_man import DeadMan, Hold

MS = 1_000_000
BEGIN = 5_000 * MS


def held(source: object = "a") -> DeadMan:
    button = DeadMan(0.1)
    button.hear(True, source, BEGIN)
    assert button.state is Hold.HELD
    return button


def test_at_first_nobody_leads_and_who_says_that_he_does_not_changes_nothing():
    button = DeadMan(0.1)
    assert button.update(BEGIN) is Hold.OFF
    button.hear(False, "a", BEGIN)
    assert button.update(BEGIN + 900 * MS) is Hold.OFF


def test_silence_lets_go_and_stays_so():
    button = held()
    assert button.update(BEGIN + 100 * MS) is Hold.HELD
    assert button.update(BEGIN + 101 * MS) is Hold.LET_GO
    assert button.update(BEGIN + 3_600_000 * MS) is Hold.LET_GO


@pytest.mark.parametrize("pressed", [True, False])
def test_after_silence_a_word_of_the_same_hand_goes_on_or_gives_back(pressed: bool):
    button = held()
    button.hear(pressed, "a", BEGIN + 200 * MS)
    assert button.state is (Hold.HELD if pressed else Hold.OFF)


def test_false_gives_back_at_once():
    button = held()
    button.hear(False, "a", BEGIN + MS)
    assert button.state is Hold.OFF


def test_one_hand_at_a_time():
    button = held()
    for pressed in (True, False):
        with pytest.raises(ChunkError) as error:
            button.hear(pressed, "b", BEGIN + 50 * MS)
        assert error.value.reason == "other_publisher"
    assert button.state is Hold.HELD
    button.hear(True, "b", BEGIN + 150 * MS)
    assert button.state is Hold.HELD and button.update(BEGIN + 250 * MS) is Hold.HELD


def test_a_program_that_says_false_all_the_time_gives_nothing_back_that_another_one_s_silence_left():
    button = held()
    for k in range(1, 100):
        moment = BEGIN + 20 * k * MS
        if button.update(moment) is Hold.HELD:
            with pytest.raises(ChunkError):
                button.hear(False, "idle", moment)
        else:
            button.hear(False, "idle", moment)
    assert button.state is Hold.LET_GO
    button.hear(False, "a word once", BEGIN + 2_000 * MS)
    assert button.state is Hold.OFF


def test_it_remembers_no_more_publishers_than_there_can_be():
    button = DeadMan(0.1)
    for k in range(1000):
        button.hear(False, k, BEGIN + k * MS)
    assert len(button._spoke) <= 16
