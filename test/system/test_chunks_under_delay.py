"""Chunks that go on from what the executor will command, with both nodes as processes over real DDS: through a stall, an e-stop and a swap.

What is on the wire says by itself which chunk was conditioned (`delay_scene.py`), and its first rows have to be what the controllers were
told for those instants.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from delay_scene import DT, LIMIT, SETTLED, Scene, delay_scene
from going_on import write_going_on
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from std_srvs.srv import SetBool, Trigger
from waiting import wait_until

from neon_control.core.control.under_way import LEAST, WARM_UP

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def scene(ros_domain_id: int, tmp_path: Path) -> Iterator[Scene]:
    write_going_on(tmp_path / "second", dt=DT, max_prefix=12, scale=-0.4)
    with delay_scene(ros_domain_id, tmp_path) as built:
        yield built


def test_chunks_go_on_from_what_the_executor_will_command(scene: Scene) -> None:
    begin = scene.now()
    scene.wait_conditioned(15)
    scene.rig.run_for(3 * DT)
    scene.judge(begin)
    wait_until(lambda: int(scene.status.get("prefix_steps", "0")) > 0, LIMIT, "diagnostics that tell of a prefix")
    assert scene.status["max_prefix"] == "12" and float(scene.status["delay_ms"]) >= 100.0
    assert int(scene.rig.report()["plans_told"]) > 0


def test_through_a_stall_of_the_executor(scene: Scene) -> None:
    scene.rig.executor.send_signal(signal.SIGSTOP)
    frozen = scene.now()
    scene.rig.run_for(SETTLED)
    quiet = scene.now()
    scene.wait_chunks(3)
    thawed = scene.now()
    scene.rig.executor.send_signal(signal.SIGCONT)
    assert not [c for c in scene.chunks if quiet <= c.stamp < thawed - round(0.2e9) and c.conditioned], "a stale prefix"
    scene.wait_conditioned()
    scene.rig.run_for(3 * DT)
    scene.judge(thawed + round(SETTLED * 1e9))
    assert scene.misfits(frozen - round(5e9), frozen - round(1e9)) == []
    reasons = [key for key in scene.status if key.startswith("no_prefix_")]
    assert {"no_prefix_unanswered", "no_prefix_stopped"} & set(reasons), reasons


def test_through_an_emergency_stop(scene: Scene) -> None:
    assert scene.rig.call("estop", SetBool, SetBool.Request(data=True)).success
    pressed = scene.now()
    scene.rig.run_for(SETTLED)
    quiet = scene.now()
    scene.wait_chunks(5)
    assert not [c for c in scene.chunks if c.stamp >= quiet and c.conditioned], "a stale prefix"
    wait_until(lambda: "follows nothing" in scene.status.get("prefix_missing", ""), LIMIT, "diagnostics that say why there is none")
    assert scene.misfits(pressed - round(5e9), pressed - round(1e9)) == []
    assert scene.rig.call("estop", SetBool, SetBool.Request(data=False)).success
    assert scene.rig.call("reset", Trigger, Trigger.Request()).success
    released = scene.now()
    scene.wait_conditioned()
    scene.rig.run_for(3 * DT)
    scene.judge(released)


def test_through_a_change_of_the_policy(scene: Scene) -> None:
    begin, count = scene.now(), len(scene.chunks)
    client = scene.rig.robot.node.create_client(SetParameters, "/inference_node/set_parameters")
    wait_until(client.service_is_ready, LIMIT, "the parameter service")
    request = SetParameters.Request(parameters=[Parameter("policy", value=str(scene.folder / "second")).to_parameter_msg()])
    future = client.call_async(request)
    wait_until(future.done, LIMIT, "an answer")
    assert future.result().results[0].successful
    wait_until(lambda: scene.status.get("policy_name") == "second", LIMIT, "the other policy")
    scene.wait_conditioned()
    scene.rig.run_for(3 * DT)
    free = "".join("-" if c.conditioned else "x" for c in scene.chunks[count:])
    assert "x" * (WARM_UP + LEAST) in free, "the first chunks of another policy go on from nothing"
    assert int(scene.status["no_prefix_swap"]) >= 1
    scene.judge(begin)
