"""Faults of a running rig, from dice; and what the wire says of all that was commanded meanwhile."""

from __future__ import annotations

import contextlib
import math
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
from chunk_player import FAULTS
from executor_rig import Rig, without_overdue
from std_srvs.srv import SetBool, Trigger
from waiting import wait_until
from wire_limits import base_violations, joint_violations, ratios

STOP_LIMIT = 0.5  # [s] from the loss to a base at zero
LONG = 1.0  # [s] a fault that lasts so long must have stopped the base
STOPPING = {
    "nan",
    "inf",
    "wrong_names",
    "short",
    "old",
    "silent",
    "garbage",
    "player_SIGSTOP",
    "SIGKILL",
    "joint_states",
    "joint_nan",
    "estop",
}
KINDS = sorted({*FAULTS, *STOPPING, "flood", "executor_SIGSTOP", "moved"})


@contextlib.contextmanager
def busy() -> Iterator[None]:
    """Another process that takes all the time that it gets."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def stall(rig: Rig, dice: random.Random, shortest: float, longest: float) -> float:
    """Freeze the executor at a random instant; returns for how long [s]."""
    rig.run_for(dice.uniform(0.0, 2.0 * rig.dt))
    duration = math.exp(dice.uniform(math.log(shortest), math.log(longest)))
    rig.executor.send_signal(signal.SIGSTOP)
    rig.run_for(duration)
    rig.executor.send_signal(signal.SIGCONT)
    return duration


def inflict(rig: Rig, fault: str, dice: random.Random) -> None:
    """Break something for a while and mend it."""
    duration, pieces = dice.uniform(0.05, 1.5), dice.choice([1, 20])  # a jump, which no joint can do, or a push
    begin = time.monotonic()

    def wait() -> None:
        rig.run_for(duration)
        if fault in STOPPING and duration > LONG:
            check_base(rig, fault, begin)

    if fault == "executor_SIGSTOP":
        stall(rig, dice, 0.005, 5.0)
    elif fault == "player_SIGSTOP":
        rig.player.send_signal(signal.SIGSTOP)
        wait()
        rig.player.send_signal(signal.SIGCONT)
    elif fault == "SIGKILL":
        rig.player.kill()
        wait()
        rig.start_player()
    elif fault == "joint_states":
        rig.robot.publishing = False
        wait()
        rig.robot.publishing = True
    elif fault == "joint_nan":
        rig.robot.poisoned = True
        wait()
        rig.robot.poisoned = False
    elif fault == "moved":
        rig.robot.pushes.extend([dice.uniform(-0.8, 0.8) / pieces] * pieces)
    elif fault == "estop":
        rig.call("estop", SetBool, SetBool.Request(data=True))
        begin = time.monotonic()
        wait()
        rig.call("estop", SetBool, SetBool.Request(data=False))
        rig.call("reset", Trigger, Trigger.Request())
    else:
        begin = rig.play(fault)
        wait()
        rig.play("normal")


def check_base(rig: Rig, fault: str, since: float) -> None:
    """It has come to rest in time; what a starved machine did not send is no fault of the executor."""
    base = rig.robot.base.since(since)
    zero = next((t for t, v in zip(base.times, base.values, strict=True) if not v.any()), time.monotonic())
    gaps = np.diff([since, *(t for t in base.times if t < zero), zero])
    stalled = gaps[gaps > 3.0 * rig.dt].sum()  # [s]
    told = f"{zero - since:.3f} s after {fault} the base is at {base.values[-1:]}, {rig.robot.status}"
    assert zero - since <= STOP_LIMIT + stalled, told


def judge(rig: Rig, since: float = 0.0) -> str:
    """Everything that was commanded keeps its limits; returns the figures."""
    held_up = int(wait_until(lambda: rig.report().get("held_up"), 10.0, "a count"))
    found = base_violations(rig.robot.base.since(since), rig.robot.limits, rig.dt)
    count, late, worst = 0, 0, []
    for arm in rig.robot.arms:
        rest, jumps = without_overdue(arm, since, rig.dt)
        count, late = count + len(arm.commands.since(since).values), late + jumps
        worst.append(ratios(rest, arm.limits, rig.dt))
        found += joint_violations(rest, arm.limits, rig.dt)
    velocity, acceleration = (max(column) for column in zip(*worst, strict=True))
    lost = sum(int((np.diff(arm.commands.since(since).numbers) - 1).sum()) for arm in rig.robot.arms)
    said = f"{count} commands ({lost} not recorded), {velocity:.3f} x velocity, {acceleration:.3f} x acceleration"
    said += f"; {held_up} held up, {late} of them too late"
    assert found == [] and late <= held_up, f"{said}: {found}"
    return said
