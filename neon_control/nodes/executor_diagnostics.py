"""What the executor says about itself, once a second, on /diagnostics (REP-107). Times are in ms."""

from __future__ import annotations

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from neon_control.core.common.percentiles import Percentiles
from neon_control.core.control.executor import MotionExecutor
from neon_control.core.control.supervisor import State

MEANING = {
    State.WAITING: "waiting for joint states",
    State.HOLDING: "holding the pose",
    State.RAMPING: "moving to the policy's target",
    State.RUNNING: "following the policy",
    State.BRAKING: "braking",
    State.ESTOPPED: "emergency stop; release it and call ~/reset",
    State.STOPPED: "stopped",
}
HEALTHY = (State.RAMPING, State.RUNNING)


def executor_status(
    name: str, hardware_id: str, executor: MotionExecutor, loop: dict[str, float], lateness: Percentiles, compute: Percentiles
) -> DiagnosticArray:
    """The status message; `loop` are the control loop's own figures, already named."""
    supervisor = executor.supervisor
    state = supervisor.state
    message = MEANING[state] + (f" ({supervisor.cause})" if supervisor.cause else "")
    status = DiagnosticStatus(name=name, hardware_id=hardware_id, message=message)
    status.level = DiagnosticStatus.OK if state in HEALTHY else DiagnosticStatus.ERROR if state is State.ESTOPPED else DiagnosticStatus.WARN
    values: dict[str, object] = {"state": state.value, "cause": supervisor.cause, **loop}
    values |= _percentiles("lateness_ms", lateness) | _percentiles("tick_ms", compute)
    values |= _percentiles("observation_to_command_ms", executor.observation_to_command)
    values["newest_chunk_age_ms"] = executor.chunk_age * 1e3
    if state is State.WAITING:
        values["joints_missing"] = ", ".join(executor.missing_joints()) or "none"
    for stream in executor.streams.values():
        values[f"votes/{stream.name}"] = stream.ensemble.votes
        values[f"accepted/{stream.name}"] = stream.accepted
        values[f"out_of_order/{stream.name}"] = stream.ensemble.out_of_order
        values[f"publisher_changes/{stream.name}"] = stream.guard.changes
    values["clock_jumps"] = executor.clock_jumps
    values |= {f"stops/{cause}": n for cause, n in sorted(supervisor.stops.items())}
    values |= {f"rejected/{reason}": n for reason, n in sorted(executor.rejected.items())}
    for counter, counts in executor.limiter.counts.items():
        values |= {f"limited/{counter}/{axis}": int(n) for axis, n in zip(executor.limiter.names, counts, strict=True) if n}
    status.values = [KeyValue(key=key, value=f"{v:.4f}" if isinstance(v, float) else str(v)) for key, v in values.items()]
    return DiagnosticArray(status=[status])


def _percentiles(key: str, window: Percentiles) -> dict[str, float]:
    return {f"{key}/{label}": value * 1e3 for label, value in zip(("p50", "p99", "max"), window.summary(), strict=True)}
