"""What this computer's latency does to the seams of a policy's chunks, on a recording."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from neon_control.core.robot.robot_file import load_robot
from neon_control.evaluation.delay import delay_text, seam_figures, why_free
from neon_control.evaluation.judging import judge_by_defaults
from neon_control.recordings.bag.bag_file import Bag
from neon_control.runtime.encoders.backbone import BackboneOptions
from neon_control.runtime.policy.policy import Policy


def measure_delay(policy_name: str, robot_file: str, bag_path: Path, latency: float, threads: int) -> tuple[dict[str, object], str]:
    """The figures and a text, by the nodes' default settings without a start ramp.

    Args:
        latency: [s] from an observation to its chunk.
    """
    robot = load_robot(robot_file)
    policy = Policy.load(policy_name, robot, BackboneOptions(threads))
    with Bag(bag_path) as bag:
        judged, _ = judge_by_defaults(bag, policy, robot, latency)
    seams = [asdict(figures) for figures in seam_figures(judged)]
    return {"latency_s": latency, "seams": seams, "no_prefix": why_free(judged.run)}, delay_text(judged, latency)
