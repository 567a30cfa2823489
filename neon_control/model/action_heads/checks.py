"""Arguments of a head's constructor that cannot be right are refused by name, before torch meets them."""

from __future__ import annotations

import math
from numbers import Integral, Real

from neon_control.core.common.errors import ConfigError


def check_whole(owner: str, least: int = 1, **values: object) -> None:
    """Each value is a whole number of at least `least`.

    Raises:
        ConfigError: the message names the owner, the argument and what was given; so do the other two.
    """
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
            raise ConfigError(f"{owner}.{name} must be a whole number >= {least}, got {value!r}")


def check_dropout(owner: str, dropout: object) -> None:
    """A probability below 1."""
    if not (isinstance(dropout, Real) and 0.0 <= float(dropout) < 1.0):
        raise ConfigError(f"{owner}.dropout must be in [0, 1), got {dropout!r}")


def check_soft_cap(owner: str, soft_cap_value: object) -> None:
    """A bound, or 0 for the hard tanh."""
    if not (isinstance(soft_cap_value, Real) and math.isfinite(soft_cap_value) and float(soft_cap_value) >= 0.0):
        raise ConfigError(f"{owner}.soft_cap_value must be finite and >= 0, got {soft_cap_value!r}")
