"""A policy on a recording, from the bag to its figures: what `neon_control evaluate` does, for Python."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from neon_control.core.robot.robot import Robot
from neon_control.evaluation.measures import chunk_errors, method_figures
from neon_control.evaluation.offline import OfflineRun
from neon_control.evaluation.recorded_day import RecordedDay
from neon_control.evaluation.settings import Settings
from neon_control.evaluation.verdict import Judged, verdict
from neon_control.recordings.bag.bag_file import Bag
from neon_control.runtime.policy.policy import Policy


def judge(
    name: str,
    bag: Bag,
    policy: Policy,
    robot: Robot,
    settings: Settings,
    recording: RecordedDay,
    latency: float,
    progress: Callable[[int], None] = lambda time: None,
) -> Judged:
    """Run a policy on a recording that has been read.

    Args:
        name: of the run, in tables and pictures.
        latency: [s] from an observation to its chunk.
        progress: called with the time [ns] of each message.
    """
    run = OfflineRun(name, bag, policy, robot, settings, recording.inputs, latency).execute(progress)
    return Judged(run, chunk_errors(run, recording), method_figures(run, recording))


def evaluate(bag: Bag, policy: Policy, robot: Robot) -> tuple[Judged, str]:
    """The policy's run with its figures, and a verdict in one line.

    Settings are the nodes' defaults without a start ramp, since the robot was in motion; the latency is the recording's own median.

    Raises:
        BagError: the recording lacks an input, or the policy looks through a camera that is not in it.
    """
    recording, settings = RecordedDay(bag, robot), Settings()
    settings = replace(settings, executor=replace(settings.executor, start_ramp=0.0))
    judged = judge(policy.file.name, bag, policy, robot, settings, recording, recording.typical_delay)
    return judged, verdict(judged, recording)
