"""Arguments of a head's constructor that cannot be right are refused by name, before torch meets them."""

from __future__ import annotations

from neon_control.core.common.fields import Place, Rules, read


def check_whole(owner: str, least: int = 1, **values: object) -> None:
    """Each value is a whole number of at least `least`.

    Raises:
        ConfigError: the message names the owner, the argument and what was given; so do the other two.
    """
    for name, value in values.items():
        read(int, value, Place(field=f"{owner}.{name}"), Rules(minimum=least))


def check_dropout(owner: str, dropout: object) -> None:
    """A probability below 1."""
    read(float, dropout, Place(field=f"{owner}.dropout"), Rules(minimum=0.0, below=1.0))


def check_soft_cap(owner: str, soft_cap_value: object) -> None:
    """A bound, or 0 for the hard tanh."""
    read(float, soft_cap_value, Place(field=f"{owner}.soft_cap_value"), Rules(minimum=0.0))
