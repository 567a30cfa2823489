"""The executor as a process: what it loads, how it ends, which controllers it drives."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from executor_rig import rig, write_g1
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from std_srvs.srv import SetBool, Trigger
from waiting import wait_until
from wire_limits import at

from neon_control.core.common.paths import find_file
from neon_control.monitor.controls import ExecutorControls
from neon_control.monitor.link import Link, LinkError

pytestmark = pytest.mark.system

LEAD = 100_000_000  # [ns] after the last command, when all that it led up to has come
FORBIDDEN = ("torch", "onnxruntime", "ctranslate2", "faster_whisper", "mujoco")


def test_neither_torch_nor_onnxruntime_is_in_the_process(ros_domain_id):
    program = "import sys, neon_control.nodes.executor_node; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    roots = {m.split(".")[0] for m in modules}
    assert "rclpy" in roots and not roots & set(FORBIDDEN)
    with rig(ros_domain_id) as running:  # and the libraries of a process at work
        running.start_player()
        running.wait_moving()
        maps = Path(f"/proc/{running.executor.pid}/maps").read_text()
        assert "rclpy" in maps and not [name for name in FORBIDDEN if name in maps]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_moving_stops_in_order_and_exits_with_zero(ros_domain_id, number):
    with rig(ros_domain_id) as running:
        running.start_player()
        running.wait_moving()
        sent = time.monotonic()
        running.executor.send_signal(number)
        assert running.executor.wait(3.0) == 0
        ended = time.monotonic() - sent
        running.wait_base_stopped()
        base, joints = running.robot.base.since(sent), running.robot.joints.since(sent)
        zero = next(t for t, v in zip(base.times, base.values, strict=True) if not v.any()) - sent
        assert zero <= 0.5 and ended < 3.0
        assert not at(joints.ways[-1], joints.sent[-1] + LEAD)[1].any(), "the last command still moves"
        assert running.violations() == []
        print(f"{number.name}: base at zero after {zero:.3f} s, exit after {ended:.3f} s")


def test_an_executor_that_has_ended_is_no_longer_listed(ros_domain_id):
    # Objects that the garbage collector was told to spare kept it among the nodes until its DDS lease ended, 20 s later.
    with rig(ros_domain_id) as running:
        names = running.robot.node.get_node_names
        running.start_player()
        running.wait_moving()
        assert "executor_node" in names()
        running.executor.send_signal(signal.SIGINT)
        assert running.executor.wait(3.0) == 0
        wait_until(lambda: "executor_node" not in names(), 3.0, "the other nodes to forget it")


def test_a_lifecycle_manager_can_deactivate_and_activate_it_in_motion(ros_domain_id):
    with rig(ros_domain_id) as running:
        running.start_player()
        running.wait_moving()

        def change(transition: int) -> None:
            assert running.call("change_state", ChangeState, ChangeState.Request(transition=Transition(id=transition))).success

        change(Transition.TRANSITION_DEACTIVATE)
        assert not running.robot.base.values[-1].any()
        silent = len(running.robot.joints.values)
        running.run_for(0.3)
        assert len(running.robot.joints.values) == silent, "an inactive node sends commands"
        change(Transition.TRANSITION_ACTIVATE)
        running.wait_moving()
        assert running.violations() == []
        change(Transition.TRANSITION_DEACTIVATE)
        change(Transition.TRANSITION_CLEANUP)
        change(Transition.TRANSITION_CONFIGURE)
        change(Transition.TRANSITION_ACTIVATE)
        running.wait_moving()


@pytest.mark.parametrize("when", ["moving", "unconfigured"])
def test_no_transition_unlatches_an_e_stop(ros_domain_id, when):
    """Clean-up and configuration made a new state machine: an activation with a pressed button then moved the robot."""
    with rig(ros_domain_id, autostart=when == "moving") as running:
        running.start_player()

        def change(transition: int) -> None:
            assert running.call("change_state", ChangeState, ChangeState.Request(transition=Transition(id=transition))).success

        if when == "moving":
            running.wait_moving()
        assert running.call("estop", SetBool, SetBool.Request(data=True)).success
        if when == "moving":
            change(Transition.TRANSITION_DEACTIVATE)
            change(Transition.TRANSITION_CLEANUP)
        change(Transition.TRANSITION_CONFIGURE)
        activated = time.monotonic()
        change(Transition.TRANSITION_ACTIVATE)
        wait_until(lambda: running.report(1)["state"] == "estopped", 5.0, "the e-stop")
        running.run_for(1.0)
        held = running.robot.joints.since(activated)
        standing = running.robot.base.since(activated).values
        assert len(standing) > 50 and not any(v.any() for v in standing)
        places = [row for way in held.ways for row in way[1]]
        # A busy machine may withdraw the one message of a robot that stands.
        assert not places or np.ptp(np.array(places), axis=0).max() < 0.01, "it moves against the e-stop"
        assert running.call("estop", SetBool, SetBool.Request(data=False)).success
        assert running.call("reset", Trigger, Trigger.Request()).success
        running.wait_moving()
        assert running.violations() == []


def test_only_the_named_node_releases_and_resets_the_e_stop_and_everybody_presses_it(ros_domain_id):
    with rig(ros_domain_id, estop_release_nodes="[/monitor]") as running:
        running.start_player()
        running.wait_moving()
        assert running.call("estop", SetBool, SetBool.Request(data=True)).success
        running.wait_base_stopped()
        for service, kind, request in (("estop", SetBool, SetBool.Request(data=False)), ("reset", Trigger, Trigger.Request())):
            stranger = running.robot.node.get_fully_qualified_name()

            def refused_by_name(service: str = service, kind: type = kind, request: object = request, stranger: str = stranger) -> bool:
                answer = running.call(service, kind, request)
                assert not answer.success and "only /monitor may release and reset the e-stop" in answer.message
                return stranger in answer.message  # not before the graph has told whose the client is

            wait_until(refused_by_name, 10.0, f"a refusal of {service} that names {stranger}")
        assert running.report()["state"] == "estopped"
        with Link("monitor", domain=ros_domain_id) as page:
            page.start()
            controls = ExecutorControls(page)

            def released() -> bool:  # refused until the graph has told whose the page's new client is
                with contextlib.suppress(LinkError):
                    return controls.release().startswith("released")
                return False

            wait_until(released, 20.0, "a release by the page")
            assert controls.reset() == "e-stop cleared"
        wait_until(lambda: running.report()["state"] == "running", 20.0, "motion again")


def test_a_base_that_brakes_for_seconds_is_stopped_to_the_end(ros_domain_id, tmp_path):
    base = yaml.safe_load(find_file("g1.yaml", "config").read_text())["base"]
    base["max_acceleration"] = {"vx": 0.2, "vy": 0.2, "yaw_rate": 0.4}  # 2.5 s from full speed
    with rig(ros_domain_id, robot=write_g1(tmp_path, base=base)) as running:
        running.start_player()
        running.wait_moving()
        running.executor.send_signal(signal.SIGINT)
        assert running.executor.wait(6.0) == 0
        running.wait_base_stopped(1.0)
        assert running.violations() == []


@pytest.fixture
def two_arms(tmp_path: Path) -> Path:
    """The G1 with a controller for each arm, the right one of the forwarding kind, joints in an order of their own."""
    groups = yaml.safe_load(find_file("g1.yaml", "config").read_text())["groups"]
    controllers = {
        "right": {"topic": "right_arm_controller/commands", "type": "position", "joints": groups["right_arm"][::-1]},
        "left": {"topic": "left_arm_controller/joint_trajectory", "joints": ["left_arm"]},
    }
    return write_g1(tmp_path, controllers=controllers)


def test_two_arm_controllers_and_a_plain_twist_work_from_configuration_alone(ros_domain_id, two_arms):
    with rig(ros_domain_id, robot=two_arms, base_message="twist", remap=["cmd_vel:=cmd_vel_unstamped"]) as running:
        running.start_player()
        running.wait_moving()
        running.run_for(1.0)
        right, left = running.robot.arms
        assert right.names[0] == "right_wrist_yaw_joint" and len(left.names) == 7
        for arm in (right, left):
            assert len(arm.commands.values) > 100
            assert np.ptp(np.array(arm.commands.values), axis=0).min() > 0.05, "a joint of this arm does not move"
        assert running.violations() == []


@pytest.mark.parametrize("rate", [20.0, 500.0])
def test_rates_at_both_ends(ros_domain_id, rate):
    with rig(ros_domain_id, rate=rate, tracking_error_limit=1.0) as running:
        running.start_player()
        running.wait_moving()
        first, start = running.report(1), time.monotonic()
        second, elapsed = running.report(), time.monotonic() - start
        deadlines = sum(int(second[k]) - int(first[k]) for k in ("ticks", "deadlines_skipped"))
        assert deadlines == pytest.approx(rate * elapsed, abs=1.2 * rate)  # reports come once a second
        print(f"{rate:g} Hz: {second['rate_hz']} ticks in the last second")
        assert running.violations() == []


@pytest.mark.parametrize(("number", "within"), [(signal.SIGINT, 0.4), (signal.SIGKILL, 1.0)])
def test_the_middleware_reports_a_dead_publisher_before_the_timeout(ros_domain_id, number, within):
    """Chunks of 3 s, a timeout of 5 s: only liveliness can tell in time, at once after a clean exit, by its lease after a SIGKILL."""
    with rig(ros_domain_id, chunk_timeout=5.0) as running:
        player = running.start_player("--dt", "0.2")
        running.wait_moving()
        player.send_signal(number)
        player.wait(5.0)
        gone = time.monotonic()
        running.wait_base_stopped()
        stopped = time.monotonic() - gone
        assert stopped <= within + 0.2  # and the base's deceleration
        assert running.violations() == []
        print(f"{number.name}: base at zero {stopped:.3f} s after the end of the process")


def test_a_robot_that_lacks_a_controller_is_refused_by_name(ros_domain_id, two_arms):
    data = yaml.safe_load(two_arms.read_text())
    del data["controllers"]["left"]
    two_arms.write_text(yaml.safe_dump(data, sort_keys=False))
    command = [sys.executable, "-m", "neon_control.nodes.executor_node", "--ros-args", "-p", f"robot_config:={two_arms}"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert result.returncode == 1 and "no controller drives ['left_shoulder_pitch_joint'" in result.stderr
