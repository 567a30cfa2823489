"""A joint that turns without end, on the wire: it goes round and round with its policy, by the nearest way, and is never spun back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from chunk_player import RATE
from executor_rig import PATIENT, rig
from faults import judge
from maker_urdfs import chain
from waiting import wait_until
from wire_limits import at

pytestmark = [pytest.mark.system, pytest.mark.alone, pytest.mark.slow, pytest.mark.timeout(60)]

JOINTS = {"elbow": ["revolute", -2.0, 2.0, 2.0], "wrist": ["continuous", 5.0]}
SPEED = RATE  # [rad/s] of the policy that goes round
LIMIT = 4.0  # [rad/s] of the wrist: 5 by its URDF, scaled
WRIST = 1  # its place


def endless_robot(folder: Path, turns: list[str] | None) -> Path:
    """An arm whose wrist turns without end; `turns`: its driver takes positions within these only."""
    (folder / "r.urdf").write_text(f'<robot name="r"><link name="base"/>{chain(JOINTS, "base")}</robot>')
    arm = {"velocity_scale": 0.8, "max_acceleration": 20.0, **({"turns": turns} if turns else {})}
    data = {
        "name": "r",
        "urdf": "r.urdf",
        "groups": {"arm": list(JOINTS)},
        "parts": {"arms": ["arm"]},
        "limits": {"position_margin": 0.02, "groups": {"arm": arm}},
        "controllers": {"arm_controller": {"topic": "arm_controller/joint_trajectory", "joints": ["arm"]}},
    }
    file = folder / "r.yaml"
    file.write_text(yaml.safe_dump(data))
    return file


@pytest.mark.parametrize(("turns", "told"), [(None, "wrapped"), (["-pi", "pi"], "unwrapped")])
def test_it_goes_round_past_the_end_of_its_turn_and_is_never_spun_back(
    tmp_path: Path, ros_domain_id: int, turns: list[str] | None, told: str
) -> None:
    with rig(ros_domain_id, robot=endless_robot(tmp_path, turns), **{**PATIENT, "start_ramp": 0.3}) as running:
        if told == "wrapped":
            running.robot.reported = running.robot.wrapped
        first: list[float] = []  # [rad] the first point of each message, as it came
        running.robot.on_message = lambda message: first.append(message.points[0].positions[WRIST])
        running.start_player("--dt", "0.1", "--rate", "20")
        wait_until(lambda: running.robot.status.get("state") == "running", 20.0, "the policy followed")
        running.play("round")

        def follows() -> bool:
            newest = running.robot.joints.since(0.0)
            speed = at(newest.ways[-1], newest.sent[-1])[1][WRIST]
            return bool(abs(speed - SPEED) < 0.02)

        wait_until(follows, 10.0, "a wrist that goes round")
        begin, before = running.robot.joints.times[-1], running.robot.position[WRIST]
        wait_until(lambda: running.robot.position[WRIST] - before > 2.2 * np.pi, 10.0, "a whole turn")
        sent = running.robot.joints.since(begin)
        speeds = [at(way, when)[1][WRIST] for way, when in zip(sent.ways, sent.sent, strict=True)]
        # What was held up is made up for, as fast as the limit lets it.
        assert min(speeds) > 0.5 * SPEED and max(speeds) < 1.001 * LIMIT, "neither spun back nor stopped at the end of the turn"
        judge(running)
        if turns:
            assert all(-np.pi <= position < np.pi for position in first)
        else:
            assert max(first) - min(first) > 2.0 * np.pi, "it counts its turns"


def test_a_target_beyond_the_end_of_the_turn_is_approached_by_the_nearest_way(tmp_path: Path, ros_domain_id: int) -> None:
    with rig(ros_domain_id, robot=endless_robot(tmp_path, None), **{**PATIENT, "start_ramp": 0.3}) as running:
        running.robot.position = np.array([0.0, 2.8])
        running.robot.reported = running.robot.wrapped
        running.start_player("--dt", "0.1", "--rate", "20")
        running.ask_for(np.array([0.0, 2.8]))
        wait_until(lambda: running.robot.status.get("state") == "running", 20.0, "the policy followed")
        running.ask_for(np.array([0.0, -2.8]))
        wait_until(lambda: abs(running.robot.position[WRIST] - (2.0 * np.pi - 2.8)) < 0.01, 10.0, "the nearest way")
        positions = np.array(running.robot.joints.values)[:, WRIST]
        assert positions.min() > 2.7 and positions.max() < 2.0 * np.pi - 2.7
        judge(running)
