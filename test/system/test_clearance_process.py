"""The clearance guard on the wire: what controllers are told keeps bodies apart, by MuJoCo's own distances between the URDF's shapes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from clearance_rig import ACROSS, G1, MIX, NAMES, SLOW, STOP, TABLE, Measure, pose, write_robot_file
from executor_rig import PATIENT, Rig, rig
from std_srvs.srv import SetBool
from waiting import wait_until
from wire_limits import Recording, at

pytestmark = pytest.mark.system

CYCLE = 5_000_000  # [ns] of a controller that follows the trajectories
LIMIT = 15.0  # [s] on a busy computer
ANSWER = 0.5  # [s] from the answer of the e-stop to the first command that brakes: its lead of 0.2 s, and a busy computer
Pair = tuple[str, str]


def driven(recording: Recording) -> Iterator[np.ndarray]:
    """(J,) [rad] where a controller is that takes each trajectory up when it is sent."""
    for way, begin, end in zip(recording.ways, recording.sent, [*recording.sent[1:], int(recording.ways[-1][0][-1]) + 1], strict=True):
        yield from (at(way, instant)[0] for instant in range(begin, end, CYCLE))


@pytest.fixture(scope="module")
def measure() -> Measure:
    return Measure(G1, NAMES, TABLE, visual=False)


@pytest.fixture(scope="module")
def apart(measure: Measure) -> list[Pair]:
    """All pairs of links and boxes that have a shape, not only those that the guard looks at, and are apart in the first pose."""
    solid = [name for name, geoms in measure._geoms.items() if geoms]
    return [pair for pair, distance in measure.distances(pose(), list(combinations(solid, 2))).items() if distance > SLOW]


def nearest(measure: Measure, apart: list[Pair], positions: np.ndarray) -> tuple[float, Pair]:
    distances = measure.distances(positions, apart)
    return min((distance, pair) for pair, distance in distances.items())


def stands_at(running: Rig, positions: np.ndarray) -> bool:
    return bool(running.robot.joints.values) and bool(np.abs(running.robot.position - positions).max() < 0.02)


def holds_for_clearance(status: dict[str, str]) -> bool:
    """A busy computer finds other causes now and then."""
    return (status["state"], status["cause"]) == ("holding", "clearance")


@pytest.mark.slow
@pytest.mark.parametrize("pair", ACROSS, ids="-".join)
def test_a_policy_that_drives_bodies_into_each_other_is_stopped_and_followed_again_when_it_leaves(
    pair: Pair, ros_domain_id: int, tmp_path: Path, measure: Measure, apart: list[Pair], capfd: pytest.CaptureFixture[str]
) -> None:
    assert nearest(measure, apart, ACROSS[pair])[0] < 0.0, "what the policy asks for is a collision"
    with rig(ros_domain_id, robot=write_robot_file(tmp_path), **PATIENT) as running:
        running.start_player("--dt", "0.1")
        running.ask_for(pose())
        wait_until(lambda: stands_at(running, pose()), LIMIT, "the first pose")
        begin = running.ask_for(ACROSS[pair])
        wait_until(lambda: holds_for_clearance(running.report(1)), LIMIT, "a stop")
        said = {key: running.robot.status[key] for key in ("state", "cause", "why", "last_stop", "nearest_bodies")}
        left = running.ask_for(pose())
        wait_until(lambda: stands_at(running, pose()), LIMIT, "the policy to be followed again")
        wait_until(lambda: running.report(1)["state"] == "running", LIMIT, "the policy to be followed for good")
        recording = running.robot.joints.since(begin)
        violations = running.violations()
    log = capfd.readouterr().err
    least, where = min(nearest(measure, apart, positions) for positions in driven(recording))
    dying, _ = min(nearest(measure, apart, way[1][-1]) for way in recording.ways)
    print(f"nearest {least:.4f} m ({' and '.join(where)}), {dying:.4f} m where it would have rested; {left - begin:.1f} s; {said}")

    assert least >= STOP
    assert dying >= STOP - MIX
    assert all(name in said["why"] and name in said["last_stop"] for name in pair)
    assert any("no longer followed (clearance: " in line and all(name in line for name in pair) for line in log.splitlines())
    assert violations == []


@pytest.mark.parametrize("guarded", [False, True])
def test_an_e_stop_amid_a_motion_towards_something_takes_no_longer_than_braking(ros_domain_id: int, tmp_path: Path, guarded: bool) -> None:
    with rig(ros_domain_id, robot=write_robot_file(tmp_path, guarded), **PATIENT) as running:
        running.start_player("--dt", "0.1")
        running.ask_for(pose(left_shoulder_pitch=-1.0))
        wait_until(lambda: stands_at(running, pose(left_shoulder_pitch=-1.0)), LIMIT, "the first pose")
        running.ask_for(ACROSS["left_rubber_hand", "table"])
        joints, arm = running.robot.joints, running.robot.arms[0]
        wait_until(lambda: np.abs(joints.since(time.monotonic() - 0.1).velocities).max(initial=0.0) > 1.0, LIMIT, "speed", interval=0.002)
        running.call("estop", SetBool, SetBool.Request(data=True))
        pressed, moment = time.time_ns(), time.monotonic() - 0.1
        wait_until(lambda: (r := joints.since(moment)).sent and r.sent[-1] > pressed and not r.velocities[-1].any(), LIMIT, "rest")
        since = joints.since(moment)
    rests = next(sent for sent, v in zip(since.sent, since.velocities, strict=True) if sent > pressed and not v.any())
    needed = max((np.abs(v) / arm.limits.acceleration).max() for v in since.velocities)
    print(f"guarded {guarded}: at rest {(rests - pressed) * 1e-9:.3f} s after the answer; braking takes {needed:.3f} s")
    assert needed > 0.05 and (rests - pressed) * 1e-9 <= needed + ANSWER
