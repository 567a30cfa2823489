"""Nodes that follow /clock: one that is slow, fast, set, paused, or shows what no clock can."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
import rclpy
from builtin_interfaces.msg import Time
from executor_rig import rig
from inference_harness import make_policy
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.context import Context
from rclpy.qos import qos_profile_sensor_data
from rosgraph_msgs.msg import Clock
from waiting import wait_until
from wire_limits import at

from neon_control.nodes.processes import ProcessError, ProcessGroup, node_command

pytestmark = pytest.mark.system

NONSENSE = [Clock(clock=Time(sec=s, nanosec=n)) for s, n in ((-1, 0), (-(2**31), 0), (2**31 - 1, 0), (1, 4 * 10**9))]
LEAD = 100_000_000  # [ns] after the last command, when all that it led up to has come
STOP = 0.5  # [s] of simulated time, from the wish to a base that stands still


def stops(status: dict[str, str]) -> int:
    return sum(int(value) for key, value in status.items() if key.startswith("stops/"))


def test_simulated_time_may_jump_back_and_ahead(ros_domain_id):
    with rig(ros_domain_id, sim_time=True) as running:
        running.start_player()
        running.wait_moving()
        for seconds in (-50.0, +500.0):
            before = stops(running.report(1))
            running.robot.clock_offset += seconds
            wait_until(lambda before=before: stops(running.report(1)) > before, 10.0, "a stop by the jump")
            running.wait_moving()
        assert int(running.report()["clock_jumps"]) >= 1
        assert running.violations() == []


def test_a_paused_simulation_does_not_block_the_end(ros_domain_id):
    with rig(ros_domain_id, sim_time=True) as running:
        running.start_player()
        running.wait_moving()
        running.robot.close()
        sent = time.monotonic()
        running.executor.send_signal(signal.SIGINT)
        assert running.executor.wait(3.0) == 0
        assert time.monotonic() - sent < 3.0


@pytest.mark.parametrize("rate", [0.1, 0.3, 2.0])
@pytest.mark.parametrize("how", ["deactivate", "SIGINT"])
def test_robot_comes_to_rest_by_a_slow_and_by_a_fast_clock(ros_domain_id, rate, how):
    with rig(ros_domain_id, sim_time=True, clock_rate=rate) as running:
        running.start_player()
        running.wait_moving()
        sent = time.monotonic()
        if how == "SIGINT":
            running.executor.send_signal(signal.SIGINT)
            assert running.executor.wait(10.0) == 0
        else:
            request = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_DEACTIVATE))
            assert running.call("change_state", ChangeState, request, 10.0).success
        ended = time.monotonic() - sent
        running.wait_base_stopped()
        base, joints = running.robot.base.since(sent), running.robot.joints.since(sent)
        zero = next(t for t, v in zip(base.times, base.values, strict=True) if not v.any()) - sent
        assert zero * rate <= STOP + 0.1 * rate  # a signal is seen in 0.05 s
        assert not at(joints.ways[-1], joints.sent[-1] + LEAD)[1].any(), "the last command still moves"
        assert running.violations() == []
        print(f"{how}, {rate:g} of real time: base at zero after {zero * rate:.3f} s of simulated time, ended after {ended:.3f} s")


def test_a_clock_that_begins_today_is_no_stall(ros_domain_id):
    with rig(ros_domain_id, sim_time=True) as running:
        running.robot.clock_offset = time.time() - time.monotonic()
        running.start_player()
        running.wait_moving()
        status = running.report()
        assert int(status["deadlines_skipped"]) < int(status["ticks"]) and status["clock_jumps"] == "0"


def test_a_moving_robot_does_not_notice_a_clock_that_shows_nonsense(ros_domain_id):
    with rig(ros_domain_id, sim_time=True) as running:
        running.start_player()
        running.wait_moving()
        clock = running.robot.node.create_publisher(Clock, "/clock", qos_profile_sensor_data)
        wait_until(lambda: clock.get_subscription_count() >= 3, 5.0, "the executor, its control thread and the player to listen")
        for message in 20 * NONSENSE:
            clock.publish(message)
            running.run_for(0.01)
        status = running.report()
        assert int(status["clock_refused"]) > 20 and status["clock_jumps"] == "0"
        running.wait_moving()
        assert running.violations() == []


def ended(group: ProcessGroup) -> str:
    try:
        group.check()
    except ProcessError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("module", ["nodes.executor_node", "nodes.inference_node", "nodes.monitor_node", "sim.sim_node"])
def test_nonsense_is_refused_by_each_node_and_told(ros_domain_id, tmp_path: Path, module: str):
    parameters = {"use_sim_time": True}
    if module == "nodes.inference_node":
        make_policy(tmp_path / "policy")
        parameters["policy"] = tmp_path / "policy"
    context = Context()
    rclpy.init(context=context, domain_id=ros_domain_id)
    node = rclpy.create_node("clock", context=context)
    try:
        with ProcessGroup(tmp_path) as group:
            group.start("node", node_command(f"neon_control.{module}", None, parameters))
            clock = node.create_publisher(Clock, "/clock", qos_profile_sensor_data)

            def told() -> bool:
                group.check()
                for message in NONSENSE:
                    clock.publish(message)
                return "/clock refused: " in group.log_file("node").read_text()

            wait_until(told, 60.0, "a word about it")
            assert "Traceback" not in group.log_file("node").read_text()
            os.kill(group.pid("node"), signal.SIGINT)
            assert "exit code 0" in wait_until(lambda: ended(group), 20.0, "its end")
    finally:
        node.destroy_node()
        context.try_shutdown()
