"""What the executor says about itself, once a second, on /diagnostics (REP-107). Times are in ms."""

from __future__ import annotations

from collections.abc import Mapping

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from neon_control.core.common.statistics import Percentiles, percentiles
from neon_control.core.control.executor import TAKEOVER, MotionExecutor
from neon_control.core.control.supervisor import FOLLOWING, State

MEANING = {
    State.WAITING: "waiting for joint states",
    State.HOLDING: "holding the pose",
    State.RAMPING: "moving to the policy's target",
    State.RUNNING: "following the policy",
    State.BRAKING: "braking",
    State.ESTOPPED: "emergency stop; release it and call ~/reset",
    State.STOPPED: "stopped",
}
TAKEN_OVER = {State.RAMPING: "moving to the person's target", State.RUNNING: "following the person"}


def executor_status(
    name: str,
    hardware_id: str,
    executor: MotionExecutor,
    loop: Mapping[str, object],
    lateness: Percentiles,
    compute: Percentiles,
    why: str = "",
    cause: str | None = None,
) -> DiagnosticArray:
    """The status message.

    Args:
        loop: the control loop's own figures, already named.
        why: explains `cause`, the supervisor's when it was asked: the control thread may have found another one since.
    """
    supervisor = executor.supervisor
    state, cause = supervisor.state, supervisor.cause if cause is None else cause
    commander = executor.commander
    said = TAKEN_OVER.get(state, MEANING[state]) if commander == TAKEOVER else MEANING[state]
    message = said + (f" ({cause}: {why})" if why else f" ({cause})" if cause else "")
    status = DiagnosticStatus(name=name, hardware_id=hardware_id, message=message)
    stopped = DiagnosticStatus.ERROR if state is State.ESTOPPED else DiagnosticStatus.WARN
    status.level = DiagnosticStatus.OK if state in FOLLOWING else stopped
    values: dict[str, object] = {"state": state.value, "cause": cause, "why": why, "commander": commander, **loop}
    windows = {"lateness_ms": lateness, "tick_ms": compute, "observation_to_command_ms": executor.observation_to_command}
    for key, window in windows.items():
        values |= percentiles(key, 1e3 * window.values)
    values |= percentiles("seam_mrad", 1e3 * executor.seams.values, high=95)
    values["too_late"] = executor.too_late or "none"
    values["newest_chunk_age_ms"] = executor.chunk_age * 1e3
    if state is State.WAITING:
        values["joints_missing"] = ", ".join(executor.missing_joints()) or "none"
    guard = executor.guard
    if guard is not None:
        values["nearest_bodies"] = str(guard.nearest or "far from each other")
        values["slowed_joints"] = ", ".join(guard.slowed()) or "none"
    for stream in executor.streams.values():
        values[f"votes/{stream.name}"] = stream.ensemble.votes
        values[f"accepted/{stream.name}"] = stream.accepted
        values[f"out_of_order/{stream.name}"] = stream.ensemble.out_of_order
        values[f"publisher_changes/{stream.name}"] = stream.guard.changes
    taken = executor.takeover
    values |= {"takeover": taken.state.value, "takeovers": taken.count}
    values |= {f"accepted/{stream}": n for stream, n in sorted(taken.accepted.items())}
    values["clock_jumps"] = executor.clock_jumps
    values |= {f"stops/{cause}": n for cause, n in sorted(supervisor.stops.items())}
    values |= {f"rejected/{reason}": n for reason, n in sorted({**executor.rejected, **taken.rejected}.items())}
    for counter, counts in executor.limiter.counts.items():
        values |= {f"limited/{counter}/{axis}": int(n) for axis, n in zip(executor.limiter.names, counts, strict=True) if n}
    status.values = [KeyValue(key=key, value=f"{v:.4f}" if isinstance(v, float) else str(v)) for key, v in values.items()]
    return DiagnosticArray(status=[status])
