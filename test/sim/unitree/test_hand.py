"""The stand-in's Dex3 hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from neon_control.sim.unitree.hand import DRIVEN, DexHand


@dataclass
class Motor:
    """The fields of MotorCmd."""

    mode: int
    q: float
    dq: float = 0.0
    tau: float = 0.0
    kp: float = 1.0
    kd: float = 0.1


def closed(hand: DexHand, motors: list[Motor]) -> np.ndarray:
    assert hand.command(motors)
    for _ in range(1000):
        hand.tick(0.002)
    return hand.positions


@pytest.mark.parametrize("kp", [0.5, 2.0, 500.0])
def test_fingers_go_where_they_are_sent_and_stay(kp: float) -> None:
    wanted = np.linspace(-0.5, 1.0, 7)
    positions = closed(DexHand(), [Motor(i | DRIVEN, float(q), kp=kp) for i, q in enumerate(wanted)])
    assert positions == pytest.approx(wanted, abs=0.02)


def test_a_motor_that_is_not_driven_or_is_told_another_ones_number_stays() -> None:
    positions = closed(DexHand(), [Motor(i | DRIVEN if i < 5 else 0 if i == 5 else DRIVEN, 0.5) for i in range(7)])
    assert positions[:5] == pytest.approx(0.5, abs=0.02)
    assert positions[5:].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("motors", [[], [Motor(DRIVEN, 0.5)] * 6, [Motor(i | DRIVEN, float("nan")) for i in range(7)]])
def test_a_message_that_is_none_changes_nothing(motors: list[Motor]) -> None:
    hand = DexHand()
    assert not hand.command(motors)
    hand.tick(0.002)
    assert not hand.positions.any()
