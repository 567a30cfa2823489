"""Why nobody is followed, in words; and each stop with its cause, and each change of who leads, for a log that may block."""

from __future__ import annotations

from collections import deque

import numpy as np

from neon_control.core.control.chunk import BASE, JOINTS
from neon_control.core.control.executor import NOBODY, TAKEOVER, MotionExecutor
from neon_control.core.robot.topic_names import TAKEOVER_ENABLE
from neon_control.nodes.listeners import Listeners

KEPT = 32  # stops between two looks
QUIET = 5.0  # [s] between two lines about stops of one cause


def why(motion: MotionExecutor, listeners: Listeners, cause: str | None = None) -> str:
    """More about a cause, by default the supervisor's; empty where the cause says all."""
    cause = motion.supervisor.cause if cause is None else cause
    if cause == "joint_states":
        return motion.why_missing()
    if cause == "listeners":
        return "; ".join(listeners.problems) or "a controller has left"
    if cause == "not_following":
        return motion.joining.complaint
    if cause == "clearance" and motion.guard is not None and (near := motion.guard.cause) is not None:
        return str(near)
    if cause == "tracking_error":
        worst, gap = motion.farthest
        measured, limit = motion.measured.positions[worst], motion.tracking_limits[worst]
        return f"{motion.joint_names[worst]} is at {measured:.3f}, commanded to {measured - gap:.3f}, limit {limit:g} apart"
    if cause == "takeover":
        return (
            f"{TAKEOVER_ENABLE} was true, and is silent for more than {motion.settings.takeover.timeout:g} s: hold it again, or say false"
        )
    if cause == "chunks":
        lost = [stream.name for stream in motion.streams.values() if stream.lost]
        if lost:
            return f"the publisher of {' and '.join(lost)} is gone or overdue"
        if motion.too_late:
            return motion.too_late
        return _old(motion) if motion.chunk_age < np.inf else _none(motion)
    return ""


def _old(motion: MotionExecutor) -> str:
    """How old the newest chunk is; whether it is over, or has something to say for longer than it is followed."""
    limit, ensemble = motion.settings.chunk_timeout, motion.streams[JOINTS].ensemble
    horizon = (ensemble.num_steps - 1) * ensemble.newest_dt  # [s]
    if motion.chunk_age <= limit:
        lead = 1e-9 * motion.continuing.lead
        return (
            f"the newest is {motion.chunk_age:.2f} s old and over: it reaches {horizon:.2f} s, and joints are commanded {lead:.2f} s ahead"
        )
    mend = f"; its last step is due {horizon:.2f} s after its observation: chunk_timeout may be as long" if horizon > 1.5 * limit else ""
    return f"the newest is {motion.chunk_age:.2f} s old, limit {limit:g} s{mend}"


def _none(motion: MotionExecutor) -> str:
    refused = ", ".join(f"{count} as {reason}" for reason, count in sorted(motion.rejected.items()) if reason.startswith((JOINTS, BASE)))
    return f"none; refused: {refused}" if refused else "none"


class StopLog:
    """The stops of a control loop, noted by its thread and taken by another.

    Attributes:
        last: cause of the newest stop, and more about it; empty: none yet.
    """

    def __init__(self, motion: MotionExecutor, listeners: Listeners) -> None:
        self._motion, self._listeners = motion, listeners
        self.last = ""
        self._followed = NOBODY
        self._lines: deque[tuple[str, str]] = deque(maxlen=KEPT)  # cause, or none where each is to be told; and the line
        self._told: dict[str, float] = {}  # cause -> [s] when the last line about it was given
        self._untold: dict[str, tuple[int, str]] = {}  # cause -> how many were kept back since, and the newest

    def note(self) -> None:
        """After a tick."""
        commander = self._motion.commander
        if self._followed != NOBODY and commander == NOBODY:
            cause, reason = self._motion.supervisor.cause, why(self._motion, self._listeners)
            self.last = f"{cause}: {reason}" if reason else cause
            who = "person" if self._followed == TAKEOVER else "policy"
            self._lines.append((cause, f"the {who} is no longer followed ({self.last})"))
        elif commander != self._followed and TAKEOVER in (commander, self._followed):
            self._lines.append(("", "a person leads" if commander == TAKEOVER else "the policy leads again"))
        self._followed = commander

    def take(self, now: float) -> list[str]:
        """What was noted since the last call, at `now` [s]; of stops of one cause within `QUIET` of each other the newest, later."""
        lines = []
        while self._lines:
            cause, line = self._lines.popleft()
            if cause and now - self._told.get(cause, -np.inf) < QUIET:
                self._untold[cause] = self._untold.get(cause, (0, ""))[0] + 1, line
                continue
            lines.append(line)
            if cause:
                self._told[cause] = now
        for cause in [cause for cause in self._untold if now - self._told[cause] >= QUIET]:
            count, line = self._untold.pop(cause)
            lines.append(f"{line}, the newest of {count}" if count > 1 else line)
            self._told[cause] = now
        return lines
