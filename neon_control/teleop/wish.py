"""What a person wants at one moment, whatever he holds in his hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

AGAIN = 0.1  # [s] for which it is said that he gives back: a single message may be lost


@dataclass(frozen=True)
class Wish:
    """See the module's text."""

    held: bool = False  # the enabling button
    gives_back: bool = False  # the policy is to lead again
    joints: Mapping[str, float] = field(default_factory=dict)  # joint of the robot -> position [rad]
    drive: np.ndarray | None = None  # (3,) [m/s, m/s, rad/s]; None: nothing is said of the base


class Button:
    """What is said of the enabling button: `true` while it is held, nothing when it is let go, `false` for a moment to give back."""

    def __init__(self) -> None:
        self._until = -1.0  # [s] for which `false` is said

    def say(self, wish: Wish, now: float) -> bool | None:
        """The next message at `now` [s]; None: none."""
        if wish.held:
            self._until = -1.0
            return True
        if wish.gives_back:
            self._until = now + AGAIN
        return False if now <= self._until else None
