"""A gripper that closes on an object, with a real executor process on the wire: the arm goes on, and no stop lets go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from executor_rig import Rig, rig
from jaw_robot import GRIPPERS, jaw_robot
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from std_srvs.srv import SetBool, Trigger
from waiting import wait_until
from wire_limits import at

pytestmark = [pytest.mark.system, pytest.mark.slow]

BASE = {"max_velocity": {"vx": 0.5, "vy": 0.5, "yaw_rate": 1.0}, "max_acceleration": {"vx": 3.0, "vy": 3.0, "yaw_rate": 6.0}}
LIMIT = 0.25  # [rad] tracking error that stops an arm: below what the gripper presses with, and more than a busy machine makes
LATE = 200_000_000  # [ns] after a message, when all that it led up to has come


def grasping(folder: Path, domain: int, gripper: dict[str, object] | None = None) -> Iterator[Rig]:
    file = jaw_robot(folder, {} if gripper is None else gripper, "jaw", base=BASE)
    with rig(domain, robot=file, tracking_error_limit=LIMIT) as running:
        running.robot.least[2] = 0.75 * GRIPPERS["jaw"][1]  # the object; the played motion closes to 0.2 rad
        yield running


@pytest.fixture
def running(tmp_path: Path, ros_domain_id: int) -> Iterator[Rig]:
    yield from grasping(tmp_path, ros_domain_id)


def commanded(running: Rig, controller: int = 1) -> float:
    """[rad] where the newest message leads; the gripper's, unless another is asked for."""
    commands = running.robot.arms[controller].commands.since(0.0)
    return float(at(commands.ways[-1], commands.sent[-1] + LATE)[0][0])


def wait_pressing(running: Rig) -> None:
    """Wait until the policy is followed, and the gripper commanded further into the object than an arm might be."""
    wait_until(lambda: running.robot.status.get("state") == "running", 10.0, "a state that is told")
    wait_until(lambda: running.robot.position[2] - commanded(running) > 1.3 * LIMIT, 20.0, "pressing")


def settled(running: Rig) -> float:
    """[rad] where the gripper is commanded to when it has braked and come back to what it was to keep."""
    asked: list[float] = []

    def same() -> bool:
        asked.append(commanded(running))
        return len(asked) > 20 and float(np.ptp(asked[-20:])) < 1e-4  # 0.4 s

    wait_until(same, 5.0, "one opening that is commanded all the time")
    return asked[-1]


def stays(running: Rig, since: float) -> None:
    """The opening that is commanded does not change for a second, and presses."""
    begin = settled(running)
    assert abs(begin - since) < 0.8 * LIMIT, "to let go would take more"
    running.run_for(1.0)
    assert commanded(running) == pytest.approx(begin, abs=1e-4)
    assert running.robot.position[2] - begin > 0.5 * LIMIT


def test_an_object_that_stops_the_gripper_does_not_stop_the_arm(running: Rig) -> None:
    running.start_player()
    running.wait_moving()
    running.run_for(7.0)  # two openings and closings
    wait_until(lambda: running.robot.status.get("state") == "running", 20.0, "the policy followed")  # other stops are a busy machine's
    assert "stops/tracking_error" not in running.robot.status
    arm = np.array(running.robot.joints.since(0.0).values)[:, 0]
    assert np.ptp(arm) > 0.3 and running.violations() == []
    assert float(np.abs(running.robot.position[2] - np.array(running.robot.arms[1].commands.values)[:, 0]).max()) > 1.5 * LIMIT


def test_through_a_loss_of_chunks_and_an_estop_the_gripper_presses_on(running: Rig) -> None:
    running.start_player()
    running.wait_moving()
    wait_pressing(running)
    running.play("silent")
    before = commanded(running)
    wait_until(lambda: running.robot.status.get("state") == "holding", 5.0, "the stop")
    stays(running, before)
    running.play("normal")
    wait_until(lambda: running.robot.status.get("state") == "running", 10.0, "the way back")
    button = running.robot.node.create_client(SetBool, "/executor_node/estop")
    wait_until(button.service_is_ready, 5.0, "the e-stop's service")
    wait_pressing(running)
    before = commanded(running)
    button.call_async(SetBool.Request(data=True))
    wait_until(lambda: running.robot.status.get("state") == "estopped", 5.0, "the e-stop")
    stays(running, before)
    held = running.robot.position[:2]
    assert abs(commanded(running, 0) - held[0]) < 0.02, "the arm holds the measured pose"
    running.call("estop", SetBool, SetBool.Request(data=False))
    running.call("reset", Trigger, Trigger.Request())
    wait_until(lambda: running.robot.status.get("state") == "running", 10.0, "the way back")
    assert running.violations() == []


def test_a_deactivation_and_an_activation_do_not_let_go(running: Rig) -> None:
    running.start_player()
    running.wait_moving()
    wait_pressing(running)
    running.call("change_state", ChangeState, ChangeState.Request(transition=Transition(id=Transition.TRANSITION_DEACTIVATE)))
    before, sent = commanded(running), len(running.robot.arms[1].commands.since(0.0).values)
    running.play("silent")
    running.call("change_state", ChangeState, ChangeState.Request(transition=Transition(id=Transition.TRANSITION_ACTIVATE)))
    wait_until(lambda: running.robot.status.get("state") == "holding", 10.0, "holding")
    running.run_for(0.5)
    assert len(running.robot.arms[1].commands.since(0.0).values) == sent, "nothing is sent to it before the policy is followed"
    running.play("normal")
    wait_until(lambda: len(running.robot.arms[1].commands.since(0.0).values) > sent, 10.0, "a command")
    way = running.robot.arms[1].commands.ways[sent]
    assert float(way[1][0, 0]) == pytest.approx(before, abs=0.02), "the first one goes on where the last one ended"


def test_a_robot_file_that_says_open_lets_go_at_a_stop(tmp_path: Path, ros_domain_id: int) -> None:
    for running in grasping(tmp_path, ros_domain_id, {"on_stop": "open", "open": 0.9}):
        running.start_player()
        running.wait_moving()
        wait_pressing(running)
        running.play("silent")
        wait_until(lambda running=running: commanded(running) == pytest.approx(0.9), 5.0, "the opening")
        assert running.violations() == []
