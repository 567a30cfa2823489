"""Arguments of a head's constructor that cannot be right are refused by name, before torch meets them."""

from __future__ import annotations

from neon_control.core.common.fields import Place, Rules, read

NUMBERS = {"dropout": Rules(minimum=0.0, below=1.0), "soft_cap_value": Rules(minimum=0.0)}  # a probability; a bound, 0 for the hard tanh


def check_arguments(owner: str, least_layers: int = 1, **values: object) -> None:
    """`dropout` and `soft_cap_value` are in range; every other value is a size, at least 1 (`num_layers`: `least_layers`), and whole.

    Raises:
        ConfigError: the message names the owner, the argument and what was given.
    """
    for name, value in values.items():
        size = Rules(minimum=least_layers if name == "num_layers" else 1)
        read(float if name in NUMBERS else int, value, Place(field=f"{owner}.{name}"), NUMBERS.get(name, size))
