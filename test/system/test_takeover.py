"""A person takes over and gives back over DDS: executor, policy and `neon_control teleop` are processes, a recorder reads the wire.

`NEON_TAKEOVERS=100 pytest -s test/system/test_takeover.py` does it a hundred times.
"""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from executor_rig import PATIENT, Rig, rig
from faults import judge
from gamepad_rig import JOINTS, LIMIT, gamepad
from rest import rested, stands, until_rest
from std_srvs.srv import SetBool, Trigger
from waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.alone, pytest.mark.slow]

COUNT = int(os.environ.get("NEON_TAKEOVERS", "5"))
SLOW = {**PATIENT, "takeover.timeout": 1.0, "takeover.base_timeout": 1.0}  # a busy computer lets go of nothing
STOP = 0.3  # [s] from the death of a hand to rest
TROUBLES = ("none", "stall", "chunks", "estop", "joint_states", "player")


def trouble(running: Rig, kind: str, dice: random.Random) -> None:
    """Break something for a while, and mend it."""
    seconds = dice.uniform(0.05, 0.8)
    if kind == "stall":
        running.executor.send_signal(signal.SIGSTOP)
        running.run_for(seconds)
        running.executor.send_signal(signal.SIGCONT)
    elif kind == "player":
        running.player.send_signal(signal.SIGSTOP)
        running.run_for(seconds)
        running.player.send_signal(signal.SIGCONT)
    elif kind == "chunks":
        running.play("nan")
        running.run_for(seconds)
        running.play("normal")
    elif kind == "joint_states":
        running.robot.publishing = False
        running.run_for(seconds)
        running.robot.publishing = True
    elif kind == "estop":
        running.call("estop", SetBool, SetBool.Request(data=True))
        running.wait_base_stopped()
        running.run_for(seconds)
        running.call("estop", SetBool, SetBool.Request(data=False))
        running.call("reset", Trigger, Trigger.Request())


@pytest.mark.timeout(120 + 20 * COUNT)
def test_take_over_and_give_back_at_any_moment_of_any_trouble(ros_domain_id: int, tmp_path: Path) -> None:
    dice = random.Random(20261127)
    with rig(ros_domain_id, **SLOW) as running, gamepad(running, tmp_path) as pad:
        running.start_player("--dt", "0.1")
        running.wait_moving()
        for number in range(COUNT):
            running.run_for(dice.uniform(0.0, 1.5))
            before, within, after = dice.choice(TROUBLES[:2]), TROUBLES[number % len(TROUBLES)], dice.choice(TROUBLES)
            trouble(running, before, dice)
            pad.axes = [dice.uniform(-1.0, 1.0) for _ in pad.axes]
            pad.take()
            running.run_for(dice.uniform(0.0, 0.6))
            trouble(running, within, dice)
            pad.wait_for("takeover")
            pad.axes = [dice.uniform(-1.0, 1.0) for _ in pad.axes]
            running.run_for(dice.uniform(0.0, 0.6))
            if dice.random() < 0.3:  # let go, and go on
                pad.held = False
                pad.wait_for("none")
                pad.take()
            pad.give_back()
            trouble(running, after, dice)
            running.wait_moving()
        print(f"\n{COUNT} takeovers: {judge(running)}; {len(pad.leaders)} changes of who leads")
        status = running.report()
        assert int(status["takeovers"]) >= COUNT
        refused = {key.rpartition("/")[2] for key in status if key.startswith("rejected/takeover")}
        assert refused <= {"late", "future"}, "what waited while the executor was frozen, or came just then"


@pytest.mark.timeout(240)
def test_a_hand_that_is_killed_stops_the_robot_and_only_a_word_goes_on(ros_domain_id: int, tmp_path: Path) -> None:
    with rig(ros_domain_id) as running, gamepad(running, tmp_path) as pad:
        running.start_player()
        running.wait_moving()
        pad.axes = [1.0, 0.5, 0.5, -0.5, 0.5]

        def drives() -> bool:
            pad.held = True  # a busy computer may have let go
            newest = running.robot.base.since(time.monotonic() - 0.3).values
            joints = running.robot.joints.since(time.monotonic() - 0.3).values
            return pad.leader == "takeover" and len(newest) > 5 and all(v[0] > 0.49 for v in newest) and np.ptp(joints, axis=0).max() > 0.02

        wait_until(drives, LIMIT, "a person who drives")
        killed = time.monotonic()
        pad.process.kill()
        pad.wait_for("none")
        until_rest(running, LIMIT)
        base, joints = rested(running, killed)
        print(f"\na hand that is killed: base at zero after {base:.3f} s, joints at rest after {joints:.3f} s")
        assert base <= STOP and joints <= STOP
        said = {"state": "holding", "cause": "takeover", "takeover": "let_go", "commander": "none"}
        wait_until(lambda: said.items() <= running.robot.status.items(), LIMIT, f"{said}; {running.robot.status}")
        pad.held = False
        pad.start()
        running.run_for(1.0)
        assert pad.leader == "none", "a program that holds nothing gives nothing back"
        pad.give_back()
        running.wait_moving()
        assert running.violations() == []


@pytest.mark.timeout(240)
def test_joints_that_the_pad_moves_move_and_the_others_are_held(ros_domain_id: int, tmp_path: Path) -> None:
    with rig(ros_domain_id, **SLOW) as running, gamepad(running, tmp_path) as pad:
        running.start_player("--dt", "0.1")
        running.wait_moving()
        pad.take()
        names = running.robot.arms[0].names
        wait_until(lambda: stands(running), LIMIT, "a robot that stands")
        begin = running.robot.joints.values[-1]
        pad.axes = [0.0, 0.0, 1.0, 0.0, 0.0]
        moved = names.index(JOINTS[0])
        wait_until(lambda: abs(running.robot.joints.values[-1][moved] - begin[moved]) > 0.2, LIMIT, "an elbow that moves")
        end = running.robot.joints.values[-1]
        others = np.arange(len(names)) != moved
        np.testing.assert_allclose(end[others], begin[others], atol=1e-6)
        assert not running.robot.base.values[-1].any()
        assert running.violations() == []
