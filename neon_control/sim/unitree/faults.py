"""What can go wrong with a robot and the network to it, on request."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from neon_control.core.common.fields import setting
from neon_control.core.common.nanoseconds import NANOSECONDS

T = TypeVar("T")
MAX_DELAY = 0.05  # [s]


@dataclass(frozen=True)
class Faults:
    """Each may come and go at any time."""

    lowstate_stopped: bool = setting(False, "the robot measures nothing any more, or nobody hears it", read_only=False)
    lowstate_loss: float = setting(0.0, "share of the messages on rt/lowstate that are lost", minimum=0.0, maximum=1.0, read_only=False)
    lowstate_crc_wrong: bool = setting(False, "the checksum of every message on rt/lowstate is wrong", read_only=False)
    command_loss: float = setting(0.0, "share of the messages on rt/arm_sdk that are lost", minimum=0.0, maximum=1.0, read_only=False)
    delay: float = setting(
        0.0, "of rt/lowstate, and again of rt/arm_sdk and of requests", unit="s", minimum=0.0, maximum=MAX_DELAY, read_only=False
    )
    second_writer: bool = setting(False, "another client writes to rt/arm_sdk, 50 times a second", read_only=False)
    motor: int = setting(15, "the motor that the following three are about", minimum=0, maximum=28, read_only=False)
    motor_stuck: bool = setting(False, "it hardly moves, as if the arm had met something", read_only=False)
    motor_error: int = setting(0, "its error bits", minimum=0, maximum=2**31 - 1, read_only=False)
    motor_temperature: int = setting(0, "its winding's temperature; 0: as it is", unit="deg C", minimum=0, maximum=300, read_only=False)
    mode_machine: int = setting(
        0, "what the robot says that it is, and wants to be told; 0: its model's", minimum=0, maximum=255, read_only=False
    )
    remote: str = setting("", "keys that are held on the remote control, for example L2+B", read_only=False)


class Line(Generic[T]):
    """A way on which things are late or get lost; order is kept. Times in [ns]."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)
        self._under_way: deque[tuple[int, T]] = deque()

    def put(self, now: int, thing: T, delay: float, loss: float) -> None:
        """Send something at `now`, which takes `delay` [s], unless it is lost: that has the probability `loss`."""
        if loss <= 0.0 or self._rng.random() >= loss:
            self._under_way.append((now + round(delay * NANOSECONDS), thing))

    def arrived(self, now: int) -> Iterator[T]:
        """What has come by `now` since the last call."""
        while self._under_way and self._under_way[0][0] <= now:
            yield self._under_way.popleft()[1]
