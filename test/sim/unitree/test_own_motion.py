"""What the stand-in does with its arms by itself."""

from __future__ import annotations

import numpy as np

from neon_control.robots.unitree.motors import JOINTS
from neon_control.sim.unitree.own_motion import SWING, TAKE_OVER, OwnMotion, damped
from neon_control.sim.unitree.set_points import KD, KP, Q

NOW = 10**18
HOME = np.linspace(-0.2, 0.2, len(JOINTS))


def motion(begin: np.ndarray, seconds: float) -> np.ndarray:
    own = OwnMotion(HOME)
    own.begin(NOW, begin)
    return np.array([own.at(NOW + round(t * 1e9)) for t in np.arange(0.0, seconds, 0.002)])


def test_it_swings_the_arms_visibly_and_slowly_and_nothing_else() -> None:
    points = motion(HOME, 10.0)
    spread = np.ptp(points[:, Q], axis=0)
    swinging = [i for i, name in enumerate(JOINTS) if "shoulder_pitch" in name]
    assert np.allclose(spread[swinging], 2.0 * SWING, atol=0.01)
    assert not np.delete(spread, swinging).any()
    assert np.abs(np.diff(points[:, Q], axis=0)).max() / 0.002 < 0.2  # [rad/s]


def test_it_takes_the_arms_over_from_where_they_are_without_a_jump() -> None:
    points = motion(HOME + 0.5, TAKE_OVER + 1.0)
    assert np.allclose(points[0, Q], HOME + 0.5)
    assert np.abs(points[-1, Q] - HOME).max() <= SWING + 1e-9
    assert np.abs(np.diff(points[:, Q], axis=0)).max() / 0.002 < 0.5  # [rad/s]


def test_it_holds_stiffly_and_damp_brakes_only() -> None:
    assert (motion(HOME, 0.002)[0, [KP, KD]] > 0.0).all()
    assert not damped()[KP].any()
    assert (damped()[KD] > 0.0).all()
