"""The base: velocity commands of `cmd_vel` become requests of the sport service, each with its own end.

The robot stops by itself at the end of a request's duration, which is what is left of the command's own time: however the driver ends, the
base stops `cmd_vel_timeout` after the last command.
"""

from __future__ import annotations

import numpy as np

from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.control.controllers import VelocityBase
from neon_control.core.robot.base_limits import BaseLimits
from neon_control.robots.unitree.settings import DriverSettings

SHORTEST = 0.05  # [s] a request is for at least, beside which its way to the robot is short
ZEROS = 3  # requests to stand, one after the other, in case one is lost


class Base:
    """Decides when which velocity is asked for.

    Attributes:
        velocity: (3,) [m/s, m/s, rad/s] of the last request.
    """

    def __init__(self, settings: DriverSettings, limits: BaseLimits) -> None:
        self._commands, self._limits = VelocityBase(settings.cmd_vel_timeout), limits
        self._period = round(NANOSECONDS / settings.base_rate_hz)
        self.velocity = np.zeros(3)
        self._sent: int | None = None  # [ns] the last request
        self._zeros = ZEROS  # that were sent since it stands

    @property
    def moves(self) -> bool:
        """Whether the last request was to move."""
        return bool(self.velocity.any())

    def command(self, now: int, stamp: int, velocity: np.ndarray) -> None:
        """Take a command; arguments and CommandError as of `VelocityBase.command`."""
        self._commands.command(now, stamp, velocity)

    def due(self, now: int, allowed: bool) -> tuple[np.ndarray, float] | None:
        """Velocity (3,) and duration [s] to ask for at `now` [ns], if it is time to.

        Args:
            allowed: whether it may move at all.
        """
        if not allowed:
            self._commands.stop()
        wanted = np.clip(self._commands.update(now), -self._limits.max_velocity, self._limits.max_velocity)
        stops = self.moves and not wanted.any()
        if not stops and self._sent is not None and now - self._sent < self._period:
            return None
        self._zeros = 0 if wanted.any() or stops else self._zeros + 1
        if self._zeros >= ZEROS:  # it stands, and was told so
            self._zeros = ZEROS
            return None
        self._sent, self.velocity = now, wanted
        left = self._commands.left(now) if wanted.any() else SHORTEST
        return wanted, max(SHORTEST, left)
