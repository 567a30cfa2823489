"""A minute of random faults against real processes, from a seed; the wire must stay inside every limit all the time."""

from __future__ import annotations

import os
import random
import signal
import time

import pytest
from chunk_player import FAULTS
from executor_rig import Rig, rig
from std_srvs.srv import SetBool, Trigger

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(240)]

SECONDS = float(os.environ.get("NEON_SOAK_SECONDS", "60"))
SEED = int(os.environ.get("NEON_SOAK_SEED", "20"))


def test_random_faults(ros_domain_id):
    dice = random.Random(SEED)
    with rig(ros_domain_id) as running:
        running.start_player()
        running.wait_moving()
        end = time.monotonic() + SECONDS
        done: list[str] = []
        while time.monotonic() < end:
            fault = dice.choice(
                [*FAULTS, "silent", "flood", "garbage", "SIGSTOP", "SIGKILL", "joint_states", "joint_nan", "moved", "estop"]
            )
            done.append(fault)
            inflict(running, fault, dice)
            running.run_for(dice.uniform(0.0, 1.5))  # often too short to recover: faults pile up
        running.wait_moving(20.0)
        assert running.violations() == []
        status = running.report()
        print(f"seed {SEED}: {len(done)} faults; stops: { {k: v for k, v in status.items() if k.startswith('stops/')} }")
        assert int(status["stops/chunks"]) > 3


def inflict(rig: Rig, fault: str, dice: random.Random) -> None:
    """Break something for a while and mend it."""
    duration, pieces = dice.uniform(0.05, 1.0), dice.choice([1, 20])  # a jump, which no joint can do, or a push
    if fault == "SIGSTOP":
        rig.player.send_signal(signal.SIGSTOP)
        rig.run_for(duration)
        rig.player.send_signal(signal.SIGCONT)
    elif fault == "SIGKILL":
        rig.player.kill()
        rig.run_for(duration)
        rig.start_player()
    elif fault == "joint_states":
        rig.robot.publishing = False
        rig.run_for(duration)
        rig.robot.publishing = True
    elif fault == "joint_nan":
        rig.robot.poisoned = True
        rig.run_for(duration)
        rig.robot.poisoned = False
    elif fault == "moved":
        rig.robot.pushes.extend([dice.uniform(-0.8, 0.8) / pieces] * pieces)
    elif fault == "estop":
        rig.call("estop", SetBool, SetBool.Request(data=True))
        rig.run_for(duration)
        rig.call("estop", SetBool, SetBool.Request(data=False))
        rig.call("reset", Trigger, Trigger.Request())
    else:
        rig.play(fault)
        rig.run_for(duration)
        rig.play("normal")
