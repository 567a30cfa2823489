"""The clearance guard on the wire: what controllers are told keeps bodies apart, by MuJoCo's own distances between the URDF's shapes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from clearance_rig import ACROSS, G1, NAMES, SLOW, STOP, TABLE, Measure, pose, write_robot_file
from executor_rig import PATIENT, Rig, rig
from waiting import wait_until
from wire_limits import Recording, at

pytestmark = pytest.mark.system

CYCLE = 5_000_000  # [ns] of a controller that follows the trajectories
LIMIT = 15.0  # [s] on a busy computer
LATE = 0.001  # [m] nearer may come whose commands a busy computer sends late: he is on a mix of the ways to rest that were looked at
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

    assert min(least, dying) >= STOP - LATE
    # On their way other bodies may come as near, and sooner: where two arms meet depends on when each of them begins.
    named = [p for p in [pair, *apart] if all(name in said["why"] for name in p)]
    assert named and any(all(name in said["last_stop"] for name in p) for p in apart)
    assert any(
        "no longer followed (clearance: " in line and all(name in line for name in p) for line in log.splitlines() for p in [pair, *apart]
    )
    assert violations == []
