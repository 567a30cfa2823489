"""The driver's node before the stand-in of a G1, each a process of its own; every fault in virtual time is in test_driver.py."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.lifecycle import TransitionCallbackReturn
from std_srvs.srv import SetBool, Trigger
from unitree_rig import DRIVER, EXECUTOR, START, UnitreeRig
from unitree_rules import lateness

from neon_control.core.common.errors import ConfigError
from neon_control.robots.unitree.motors import JOINTS
from neon_control.robots.unitree.node import UnitreeNode
from neon_control.robots.unitree.settings import MOST_WEIGHT_STEP

ARMS_TOPIC, TORSO_TOPIC = "arm_controller/joint_trajectory", "torso_controller/joint_trajectory"
BACK_WITHIN = 3.0  # [s] the arms are the robot's own again


class Bench(UnitreeRig):
    """The rig, with an ear for what the driver and the executor say of themselves."""

    def __enter__(self) -> Bench:
        super().__enter__()
        self.said: dict[str, dict[str, str]] = {}
        node = self.link.node
        node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        self._triggers = {n: node.create_client(Trigger, f"{DRIVER}/{n}") for n in ("engage", "release", "stand_up", "damp", "start")}
        self.estop = node.create_client(SetBool, f"{EXECUTOR}/estop")
        self.reset = node.create_client(Trigger, f"{EXECUTOR}/reset")
        return self

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.said[status.name.split(":")[0]] = {"message": status.message, **{v.key: v.value for v in status.values}}

    def driver(self, key: str) -> str:
        return self.said.get(DRIVER, {}).get(key, "")

    def trigger(self, name: str) -> tuple[bool, str]:
        answer = self.link.call(self._triggers[name], Trigger.Request(), START)
        return answer.success, answer.message

    def listens(self) -> bool:
        return self.link.node.count_subscribers(ARMS_TOPIC) > 0 and self.link.node.count_subscribers("cmd_vel") > 0

    def engaged(self) -> None:
        self.wait(lambda: self.driver("state") == "engaged" and self.listens(), "the arms", START)

    def back_after(self, since: int) -> float:
        """[s] from an instant [ns] to the driver's first message with the weight 0 after it; this computer's own lateness is left out."""

        def found() -> list[int]:
            rows = self.log().rows
            ours = rows["writer"] == rows["writer"][0]
            return rows["taken"][ours & (rows["taken"] > since) & (rows["weight"] == 0.0)].tolist()

        seconds = (self.wait(found, "the weight 0", START)[0] - since) * 1e-9
        return seconds - lateness(self.log(), since)


@pytest.fixture
def bench(ros_domain_id: int, tmp_path: Path) -> Iterator[Bench]:
    with Bench(ros_domain_id, tmp_path) as made:
        yield made


@pytest.fixture
def context(ros_domain_id: int) -> Iterator[None]:
    yield
    rclpy.try_shutdown()


def test_simulated_time_is_refused(context: None) -> None:
    rclpy.init(args=["--ros-args", "-p", "use_sim_time:=true"])
    with pytest.raises(ConfigError, match="unitree_node drives motors in real time"):
        UnitreeNode()


def test_a_network_interface_that_there_is_not_is_refused(context: None, capfd: pytest.CaptureFixture[str]) -> None:
    rclpy.init(args=["--ros-args", "-p", "autostart:=false", "-p", "network_interface:=robot0"])
    node = UnitreeNode()
    assert node.trigger_configure() is TransitionCallbackReturn.FAILURE
    node.destroy_node()

    assert "network_interface must be one of this computer's" in capfd.readouterr().err


@pytest.mark.system
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_it_listens_to_commands_while_it_has_the_arms_and_only_then(bench: Bench) -> None:
    bench.start_robot()
    bench.start_driver(engage_on_start=False)
    bench.wait(lambda: bench.joints and bench.driver("state") == "released", "joint states", START)
    assert set(bench.joints) == set(JOINTS) and not bench.listens() and bench.weight() == 0.0
    assert bench.driver("lowstate_hz") != "" and bench.driver("model") == "29"

    assert bench.trigger("engage")[0]
    bench.engaged()
    assert bench.link.node.count_subscribers(TORSO_TOPIC) == 1
    assert bench.trigger("damp")[0] is False

    assert bench.trigger("release")[0]
    bench.wait(lambda: bench.weight() == 0.0 and not bench.listens(), "the arms given back", START)
    refused, why = bench.trigger("damp")
    assert not refused and "state 500" in why


@pytest.mark.system
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_robot_is_stood_up_and_started_before_its_arms_are_taken(bench: Bench) -> None:
    bench.start_robot(state_machine="1")
    bench.start_driver()
    bench.wait(lambda: bench.driver("cause") == "not_standing" and bench.driver("state_machine") == "1", "the robot's state", START)
    assert bench.trigger("start")[0] is False, "from damping it falls"

    assert bench.trigger("stand_up") == (True, "done")
    bench.wait(lambda: bench.driver("state_machine") == "4", "the robot on its way up", START)
    assert "7301" in bench.trigger("start")[1], "the robot itself refuses while it is"
    assert bench.weight() == 0.0 and bench.driver("state") == "waiting"

    bench.wait(lambda: bench.trigger("start")[0], "the start", START)
    bench.engaged()
    assert bench.driver("state_machine") == "500"


# Fault of the stand-in, its values while it is there and after, the cause that the driver tells.
FAULTS = [
    ("motor_error", 64, 0, "motor_error"),
    ("motor_temperature", 120, 0, "temperature"),
    ("mode_machine", 4, 0, "mode_machine"),
    ("lowstate_crc_wrong", True, False, "crc"),
    ("second_writer", True, False, "writers"),
]


@pytest.mark.system
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_faults_that_somebody_has_to_look_at_give_the_arms_back_and_keep_them_until_engage(bench: Bench) -> None:
    bench.start_robot()
    bench.start_driver()
    for name, there, gone, cause in FAULTS:
        bench.engaged()
        since = bench.set(f"faults.{name}", there)
        seconds = bench.back_after(since)
        bench.wait(lambda cause=cause: bench.driver("state") == "fault" and bench.driver("cause") == cause, cause, START)
        print(f"{cause}: weight 0 after {seconds:.2f} s")
        assert seconds <= BACK_WITHIN
        bench.set(f"faults.{name}", gone)
        assert bench.driver("state") == "fault"
        if name == "second_writer":
            bench.wait(lambda: bench.driver("other_writers") == "none", "the other writer gone", START)
        # What the robot said before may still be on its way, and is a fault once more.
        bench.wait(lambda: bench.trigger("engage")[0] and bench.driver("state") != "fault", "engage", START)


@pytest.mark.system
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_remote_control_presses_the_e_stop_of_the_executor(bench: Bench) -> None:
    bench.start_robot()
    bench.start_driver()
    bench.start_executor()
    bench.engaged()
    bench.wait(lambda: EXECUTOR in bench.said, "the executor", START)
    since = bench.set("faults.remote", "L2+B")
    seconds = bench.back_after(since)
    bench.wait(lambda: bench.said[EXECUTOR]["estop"] == "pressed" and bench.driver("cause") == "remote", "the e-stop", START)
    print(f"remote: weight 0 after {seconds:.2f} s")
    assert seconds <= BACK_WITHIN

    bench.set("faults.remote", "")
    bench.link.call(bench.estop, SetBool.Request(data=False), START)
    assert bench.link.call(bench.reset, Trigger.Request(), START).success
    bench.wait(lambda: bench.driver("estop") == "released", "the executor's word", START)
    assert bench.trigger("engage")[0]
    bench.engaged()


@pytest.mark.system
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_driver_that_was_killed_leaves_the_weight_and_its_successor_lowers_it(bench: Bench) -> None:
    bench.start_robot()
    bench.start_driver()
    bench.engaged()
    bench.wait(lambda: bench.weight() == 1.0, "the whole weight", START)
    since = bench.send_signal(DRIVER, signal.SIGKILL)
    bench.wait(lambda: bench.log().rows["taken"][-1] < time.time_ns() - 10**9, "silence")
    left = len(bench.log().rows)
    assert bench.weight() == 1.0, "nobody lowers it"

    bench.start_driver(engage_on_start=False)
    bench.wait(lambda: bench.weight() == 0.0, "the weight lowered", START)
    rows = bench.log().rows
    assert len(rows) > left and rows["taken"][left] > since
    weights = rows["weight"]
    assert np.abs(np.diff(weights)).max() <= MOST_WEIGHT_STEP, "also from one driver to the next"
    bench.wait(lambda: bench.driver("state") == "released", "nothing more", START)
