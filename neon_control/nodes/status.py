"""What nodes say of themselves on /diagnostics, as the browser page and the node of the plan's markers read it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticStatus


@dataclass(frozen=True)
class Status:
    """What one part of a node said last."""

    node: str  # its name in our namespace
    part: str
    level: int  # 0 OK, 1 WARN, 2 ERROR, 3 STALE, as in DiagnosticStatus
    message: str
    values: dict[str, str]
    received: float  # [s] monotonic

    def number(self, key: str) -> float | None:
        """One value as a number; None when it is not there, is no number, or is not finite."""
        try:
            value = float(self.values.get(key, "nan"))
        except ValueError:
            return None
        return value if math.isfinite(value) else None


def read_status(item: DiagnosticStatus, now: float, namespace: str) -> Status | None:
    """A status that came at `now` [s] monotonic; None when it is of another namespace, for all of them share one topic.

    Its name is "node: part", with the node's namespace (REP-107).
    """
    name, _, part = item.name.partition(":")
    full, within = "/" + name.lstrip("/"), namespace.rstrip("/") + "/"
    if not full.startswith(within):
        return None
    level = item.level if isinstance(item.level, int) else int.from_bytes(item.level, "little")
    return Status(full.removeprefix(within), part.strip(), level, item.message, {v.key: v.value for v in item.values}, now)
