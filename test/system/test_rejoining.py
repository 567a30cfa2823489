"""A node that has become deaf to a topic, by whatever fault of the middleware, comes back as a new participant.

Here the publisher falls silent instead, which looks the same to the node; how often the real fault happens is counted by
test/benchmarks/restart_after_freeze.py.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from executor_rig import rig
from inference_harness import make_policy, running_node, synthetic_robot
from std_srvs.srv import SetBool
from waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(300)]
AFTER = 3.0  # [s]


def test_a_silent_joint_state_publisher_makes_the_executor_join_anew_once_and_it_goes_on(ros_domain_id: int) -> None:
    with rig(ros_domain_id, rejoin_after=AFTER) as running:
        running.start_player()
        running.wait_moving()
        running.robot.publishing = False
        silent = time.monotonic()
        wait_until(lambda: "stops/joint_states" in running.robot.status, 20.0, "the stop")
        wait_until(lambda: "stops/joint_states" not in running.robot.status, 40.0, "a new participant, which has counted no stop yet")
        assert time.monotonic() - silent > AFTER
        count = int(running.report()["ticks"])
        running.run_for(2.0 * AFTER)  # still silent: the new one has heard nothing, and stays
        assert int(running.report()["ticks"]) > count
        running.robot.publishing = True
        running.wait_moving(20.0)
        assert running.violations() == []


def test_a_latched_e_stop_is_not_forgotten_by_joining_anew(ros_domain_id: int) -> None:
    with rig(ros_domain_id, rejoin_after=AFTER) as running:
        running.start_player()
        running.wait_moving()
        assert running.call("estop", SetBool, SetBool.Request(data=True)).success
        before = int(running.report()["ticks"])
        running.robot.publishing = False
        wait_until(lambda: running.robot.status["deaf_to"] == "joint_states", 20.0, "the diagnostics to say so")
        running.run_for(AFTER)
        status = running.report()
        assert status["state"] == "estopped" and int(status["ticks"]) > before
        running.robot.publishing = True
        wait_until(lambda: running.report(1)["deaf_to"] == "none", 10.0, "the diagnostics to be silent")


def test_the_inference_node_joins_anew_with_the_policy_that_it_was_given_meanwhile(ros_domain_id: int, tmp_path: Path) -> None:
    space = make_policy(tmp_path / "first")
    make_policy(tmp_path / "second", seed=1)
    with (
        running_node(tmp_path / "log", policy=tmp_path / "first", rejoin_after=10.0) as node,
        synthetic_robot(space.joint_names) as robot,
    ):
        wait_until(lambda: robot.joint_chunks, 60.0, "the first chunk")
        assert robot.set_policy(tmp_path / "second").successful
        wait_until(lambda: "takes over" in node.output, 60.0, "the other policy")
        robot.running.remove("joint_states")
        wait_until(lambda: "joining anew" in node.output, 40.0, "the node to notice")
        wait_until(lambda: "policy second, mode" in node.output, 60.0, "the node that takes its place")
        robot.joint_chunks.clear()
        robot.running.add("joint_states")
        wait_until(lambda: robot.joint_chunks, 30.0, "a chunk of the new participant")
        assert node.interrupt()[0] == 0
