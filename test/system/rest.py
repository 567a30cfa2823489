"""Whether and when a robot that was let go of came to rest, as its commands say."""

from __future__ import annotations

import time

import numpy as np
from executor_rig import Rig
from waiting import wait_until


def stands(running: Rig) -> bool:
    """Whether base and joints were commanded to rest for some periods; joints that stand are sent nothing any more."""
    since = time.monotonic() - 0.2
    base, joints = running.robot.base.since(since), running.robot.joints.since(since)
    return len(base.values) > 3 and not np.any(base.values) and not np.any(joints.velocities)


def until_rest(running: Rig, limit: float) -> None:
    """Wait until it stands."""
    try:
        wait_until(lambda: stands(running), limit, "rest")
    except AssertionError as error:
        since = time.monotonic() - 0.2
        sent = running.robot.base.since(since).values, running.robot.joints.since(since).velocities
        raise AssertionError(f"{error}; in the last 0.2 s: {sent}; {running.robot.status}") from None


def rested(running: Rig, since: float) -> tuple[float, float]:
    """[s] from `since` until base and joints stand; time in which a starved machine sent nothing does not count."""
    base, joints = running.robot.base.since(since), running.robot.joints.since(since)
    zero = next(t for t, v in zip(base.times, base.values, strict=True) if not v.any())
    still = next(t for t, v in zip(joints.times, joints.velocities, strict=True) if not v.any())
    gaps = np.diff([since, *(t for t in base.times if t <= max(zero, still))])
    stalled = float(gaps[gaps > 3.0 * running.dt].sum())
    return zero - since - stalled, still - since - stalled
