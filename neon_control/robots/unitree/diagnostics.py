"""What the driver of a G1 says about itself and the robot, once a second, on /diagnostics (REP-107). Times are in ms."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from neon_control.core.common.statistics import Percentiles, percentiles
from neon_control.robots.unitree.driver import Driver
from neon_control.robots.unitree.engagement import State
from neon_control.robots.unitree.motors import JOINTS

MEANING = {
    State.WAITING: "waiting until the arms can be taken",
    State.ENGAGING: "taking the arms",
    State.ENGAGED: "driving the arms",
    State.RELEASING: "giving the arms back",
    State.RELEASED: "the arms are the robot's own",
    State.FAULT: "the arms are the robot's own; look what happened, and call ~/engage",
}
LEVELS = {State.ENGAGED: DiagnosticStatus.OK, State.FAULT: DiagnosticStatus.ERROR}


def driver_status(
    name: str, hardware_id: str, driver: Driver, now: int, loop: Mapping[str, object], windows: Mapping[str, Percentiles]
) -> DiagnosticArray:
    """The status message, at `now` [ns].

    Args:
        loop: the node's own figures, already named.
        windows: latencies [s] by name, told in ms.
    """
    engagement, watch = driver.engagement, driver.watch
    state, problem = engagement.state, engagement.problem
    message = MEANING[state] + (f" ({problem.cause}: {problem.text})" if problem is not None else "")
    values: dict[str, object] = {
        "state": state.value,
        "weight": round(engagement.weight, 4),
        "cause": "" if problem is None else problem.cause,
        "why": "" if problem is None else problem.text,
        "model": "unknown" if watch.model is None else watch.model.name,
        "without_motor": "; ".join(f"{name}: {', '.join(joints)}" for name, joints in driver.without_motor.items()) or "none",
        "lowstate_age_ms": 1e3 * watch.age(now),
        **loop,
    }
    for key, window in windows.items():
        values |= percentiles(key, 1e3 * window.values)
    if watch.message is not None:
        motors = watch.message.fields["motor_state"][: len(JOINTS)]
        temperatures = motors["temperature"].max(axis=1)
        hottest = int(np.argmax(temperatures))
        values["mode_machine"] = int(watch.message.fields["mode_machine"])
        values["hottest_motor"] = JOINTS[hottest]
        values["hottest_motor_deg_c"] = int(temperatures[hottest])
        there = zip(JOINTS, temperatures.tolist(), strict=True)
        values |= {f"motor_deg_c/{joint}": t for joint, t in there if watch.model is None or watch.model.has(joint)}
    values |= {f"lowstate/{reason}": count for reason, count in sorted(watch.counts.items())}
    if driver.targets is not None:
        values |= {f"limited/{joint}": int(n) for joint, n in zip(driver.targets.joints, driver.targets.limited, strict=True) if n}
    status = DiagnosticStatus(name=name, hardware_id=hardware_id, message=message, level=LEVELS.get(state, DiagnosticStatus.WARN))
    status.values = [KeyValue(key=key, value=f"{v:.4f}" if isinstance(v, float) else str(v)) for key, v in values.items()]
    return DiagnosticArray(status=[status])
