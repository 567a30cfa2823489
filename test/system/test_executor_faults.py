"""Every fault of the list against a moving executor: real processes, real DDS, an independent recorder on the wire.

One executor lives through the whole file. Each test breaks something in mid-motion, measures the stop, mends it, waits until the
motion is back, and then judges everything that was commanded in between. The measured figures are printed at the end.
"""

from __future__ import annotations

import contextlib
import itertools
import signal
import time
from collections.abc import Iterator

import numpy as np
import pytest
from dds_domain import claimed_domain
from executor_rig import Rig, rig
from hostile_messages import BIG, claims
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool, Trigger
from trajectory_msgs.msg import JointTrajectory, MultiDOFJointTrajectory
from waiting import wait_until

from neon_control.nodes.chunk_messages import chunk_qos

pytestmark = [pytest.mark.system, pytest.mark.alone, pytest.mark.slow]

STOP_LIMIT = 0.5  # [s] from the loss to a base at zero
BRAKING = 0.01  # [m/s] a smaller base command by this much in one period is the begin of a stop
ROWS: list[str] = []


@pytest.fixture(scope="module")
def running(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """A moving rig."""
    with claimed_domain() as domain, rig(domain) as built:
        built.start_player()
        built.wait_moving(30.0)
        yield built
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
        print(f"\n{'fault':<28}{'detected [s]':>13}{'base zero [s]':>15}{'joints at rest [s]':>20}{'largest joint step':>32}")
        print("\n".join(ROWS))


@contextlib.contextmanager
def fault(rig: Rig, name: str, stops: bool = True) -> Iterator[list[float]]:
    """Around the breaking and mending of something; the body begins with the robot in motion and must leave it able to move again.

    The moment of the loss is the begin of the body, or what the body writes into the list.
    """
    rig.wait_moving()
    moment = [time.monotonic()]
    yield moment
    rig.wait_moving()
    row(rig, name, moment[-1], stops)
    assert rig.violations(moment[0] - 0.5) == []


def row(rig: Rig, name: str, since: float, stops: bool) -> None:
    """Measure a stop on the wire and keep the figures."""
    base, joints = rig.robot.base.since(since), rig.robot.joints.since(since)
    detected = zero = rest = None
    for t, (a, b) in zip(base.times[1:], itertools.pairwise(base.values), strict=True):
        if detected is None and b[0] - a[0] < -BRAKING:
            detected = t - since
        if detected is not None and not b.any():
            zero = t - since
            break
    if detected is not None:
        rest = next((t - since for t, v in zip(joints.times, joints.velocities, strict=True) if t - since > detected and not v.any()), None)
    steps, spans = joints.steps()
    # A period that is late moves the joints for longer, so a step counts by the time that it took, if that was longer than its periods.
    periods = np.maximum(spans, np.diff(np.array(joints.sent))[:, None] * 1e-9 / rig.dt)
    largest = (np.abs(steps) / periods).max(axis=0)  # (J,) [rad] in one period
    j = int((largest / rig.robot.limits.velocity).argmax())
    step = f"{largest[j]:.4f} of {rig.robot.limits.velocity[j] * rig.dt:.4f} rad"
    figures = [f"{x:.3f}" if x is not None else "-" for x in (detected, zero, rest)]
    ROWS.append(f"{name:<28}{figures[0]:>13}{figures[1]:>15}{figures[2]:>20}{step:>32}")
    if stops:
        assert zero is not None, f"{name}: the base never stopped"
        gaps = np.diff([since, *(t for t in base.times if t <= since + zero)])
        stalled = gaps[gaps > 3.0 * rig.dt].sum()  # [s] without a command: a starved machine, not the executor
        assert zero <= STOP_LIMIT + stalled, f"{name}: base at zero after {zero:.3f} s"


def counter(rig: Rig, key: str) -> int:
    return int(rig.report().get(key, "0"))


def wait_stopped(rig: Rig) -> None:
    rig.wait_base_stopped()
    rig.run_for(0.3)


def test_inference_process_killed(running):
    with fault(running, "SIGKILL, then a restart"):
        running.player.kill()
        wait_stopped(running)
        running.start_player()
    assert counter(running, "publisher_changes/joints") >= 1


def test_inference_process_stopped_and_continued(running):
    with fault(running, "SIGSTOP, then SIGCONT"):
        running.player.send_signal(signal.SIGSTOP)
        wait_stopped(running)
        running.run_for(0.5)  # beyond the lease: the middleware reports the publisher dead as well
        running.player.send_signal(signal.SIGCONT)


def test_inference_process_ends_in_order(running):
    with fault(running, "clean exit, then a restart"):
        running.player.send_signal(signal.SIGINT)
        wait_stopped(running)
        running.start_player()


def test_joint_states_stop(running):
    with fault(running, "joint states stop"):
        running.robot.publishing = False
        wait_stopped(running)
        running.robot.publishing = True


def test_joint_states_turn_to_nan(running):
    good = running.robot.position
    with fault(running, "joint states NaN"):
        running.robot.poisoned = True
        wait_stopped(running)
        running.robot.poisoned = False
    assert np.isfinite(good).all()
    assert counter(running, "rejected/joint_states/refused") > 0


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("nan", "non_finite"),
        ("inf", "non_finite"),
        ("wrong_names", "joint_names"),
        ("missing_joint", "joint_names"),
        ("extra_joint", "joint_names"),
        ("short", "length"),
        ("empty", "length"),
        ("old", "late"),
        ("ahead", "future"),
        ("garbage", "malformed"),
    ],
)
def test_bad_chunks_are_refused_counted_and_end_in_a_stop(running, mode, reason):
    before = counter(running, f"rejected/joints/{reason}")
    with fault(running, f"chunks: {mode}") as moment:
        moment.append(running.play(mode))
        wait_stopped(running)
        running.play("normal")
    assert counter(running, f"rejected/joints/{reason}") > before


def test_reordered_joint_names_make_no_difference(running):
    before = running.report()
    with fault(running, "chunks: re-ordered names", stops=False):
        running.play("reordered")
        running.run_for(1.5)
        running.play("normal")
    after = running.report()
    assert int(after["accepted/joints"]) > int(before["accepted/joints"]) + 10
    assert after.get("rejected/joints/joint_names") == before.get("rejected/joints/joint_names")


def test_targets_far_outside_the_limits_stay_inside(running):
    running.wait_moving()
    before = time.monotonic()
    running.play("wild")
    running.run_for(3.0)
    running.play("normal")
    running.wait_moving()
    assert running.violations(before) == []
    assert counter(running, "limited/range/left_elbow_joint") > 0


def test_a_flood_of_chunks_is_refused_before_it_costs_anything(running):
    before = counter(running, "rejected/joints/flood")
    with fault(running, "chunk flood, 2 kHz", stops=False):
        running.play("flood")
        wait_until(lambda: counter(running, "rejected/joints/flood") > before + 500, 20.0, "a flood that is refused")
        running.play("normal")


@pytest.mark.parametrize(
    ("topic", "kind", "counted"),
    [
        ("action_chunk/joints", JointTrajectory, "rejected/joints/size"),
        ("action_chunk/base", MultiDOFJointTrajectory, "rejected/base/size"),
        ("joint_states", JointState, "rejected/joint_states/refused"),
    ],
)
def test_8_mib_that_claim_8_million_elements_are_refused_before_room_is_made_for_them(running, topic, kind, counted):
    """The wound: 0.6 s without a command for each of them, and 971 MB."""
    before, node = counter(running, counted), running.robot.node
    publisher = node.create_publisher(kind, topic, chunk_qos() if kind is not JointState else 10)
    wait_until(lambda: publisher.get_subscription_count() > 0, 10.0, "the executor's subscription")
    pauses = {True: [], False: []}  # a busy machine pauses in the quiet, too
    with fault(running, f"8 MiB on {topic}", stops=False):
        for attacked in [True, False] * 3:
            since = time.monotonic()
            if attacked:
                publisher.publish(claims(BIG, 8_000_000))
            running.run_for(0.7)
            pauses[attacked].append(np.diff([since, *running.robot.joints.since(since).times, time.monotonic()]).max())
        node.destroy_publisher(publisher)
    assert counter(running, counted) >= before + 2
    assert np.median(pauses[True]) < np.median(pauses[False]) + 0.2, f"pauses between commands [s]: {pauses}"


def test_two_publishers_at_once(running):
    before = counter(running, "rejected/joints/other_publisher")
    first = running.player
    with fault(running, "a second publisher", stops=False):
        second = running.start_player()
        running.run_for(4.0)
    assert counter(running, "rejected/joints/other_publisher") > before
    with fault(running, "the first of two killed", stops=False):
        first.kill()
        running.run_for(1.0)
    assert running.player is second
    assert counter(running, "publisher_changes/joints") >= 1


def test_an_arm_that_is_moved_away(running):
    with fault(running, "tracking error (moved arm)"):
        running.robot.pushes.extend([-0.04] * 20)  # 8 rad/s, for 0.1 s
        wait_stopped(running)
    assert counter(running, "stops/tracking_error") >= 1


def test_the_e_stop_is_latched_until_reset(running):
    with fault(running, "e-stop, released, reset"):
        assert running.call("estop", SetBool, SetBool.Request(data=True)).success
        wait_stopped(running)
        assert not running.call("reset", Trigger, Trigger.Request()).success
        assert running.call("estop", SetBool, SetBool.Request(data=False)).success
        running.run_for(0.5)
        assert not running.robot.base.values[-1].any()
        assert running.report()["state"] == "estopped"
        assert running.call("reset", Trigger, Trigger.Request()).success


def test_diagnostics_tell_what_happened(running):
    running.wait_moving()
    running.report()  # what follows is newer than the last test
    status = wait_until(lambda: running.robot.status.get("state") == "running" and running.robot.status, 20.0, "a report of running")
    assert status["cause"] == ""
    for key in ("lateness_ms/p99", "tick_ms/p99", "observation_to_command_ms/p50", "newest_chunk_age_ms", "votes/joints", "accepted/base"):
        assert float(status[key]) >= 0.0
    assert float(status["rate_hz"]) == pytest.approx(running.rate, rel=0.1)
    assert 50.0 < float(status["observation_to_command_ms/p50"]) < 150.0  # the player's latency is 60 ms


def test_the_recorder_missed_next_to_nothing(running):
    _, spans = running.robot.joints.steps()
    assert (spans > 1).mean() < 0.01
