"""Settings as frozen dataclasses whose fields say what they mean, in which unit and range.

The same field serves the core object that uses it and the ROS parameter that sets it (see `nodes/parameters.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def describe(
    text: str,
    *,
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    choices: Sequence[str] = (),
    element: type = str,
    read_only: bool = True,
) -> dict[str, Any]:
    """Metadata of one settings field.

    Args:
        text: what the setting does, in a phrase.
        unit: its unit, shown in brackets after the text.
        minimum, maximum: closed range of a number, or of every element of a tuple; one side may stay open.
        choices: the words a string may be; empty means any.
        element: element type of a tuple whose default is empty.
        read_only: False only where a change while running takes effect.
    """
    return {
        "text": f"{text} [{unit}]" if unit else text,
        "minimum": minimum,
        "maximum": maximum,
        "choices": tuple(choices),
        "element": element,
        "read_only": read_only,
    }
