"""A policy judged on a recording, from the bag to its figures and a line: what `neon_control evaluate` does, for Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from neon_control.core.robot.robot import Robot
from neon_control.evaluation.measures import ChunkErrors, MethodFigures, chunk_errors, input_figures, mean_abs, method_figures, percentile
from neon_control.evaluation.offline import OfflineRun, Run
from neon_control.evaluation.recorded_day import RecordedDay
from neon_control.evaluation.settings import Settings
from neon_control.recordings.bag.bag_file import Bag
from neon_control.recordings.reading import Recording
from neon_control.runtime.policy.policy import Policy


@dataclass(frozen=True)
class Judged:
    """A run with its figures."""

    run: Run
    errors: ChunkErrors
    figures: dict[str, MethodFigures]
    free: Run | None = None  # the same without prefixes, of a policy that takes them


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
    arguments = name, bag, policy, robot, settings, recording.inputs, latency
    run = OfflineRun(*arguments).execute(progress)
    free = OfflineRun(*arguments, conditioned=False).execute(lambda time: None) if policy.max_prefix and settings.prefixes else None
    figures = {name: method_figures(method, policy.file, recording) for name, method in run.methods.items()}
    return Judged(run, chunk_errors(run, recording), figures, free)


def evaluate(recorded: Bag | Recording, policy: Policy, robot: Robot) -> tuple[Judged, str]:
    """The policy's run with its figures, and a verdict in one line.

    Settings are the nodes' defaults without a start ramp, since the robot was in motion, and with a `chunk_timeout` for the policy's
    horizon, where that is longer; the latency is the recording's own median.

    Args:
        recorded: an open bag, or what `find_recordings` has found: a bag or an episode of a LeRobot dataset.

    Raises:
        BagError: the recording lacks an input, or the policy looks through a camera that is not in it.
    """
    if isinstance(recorded, Recording):
        bag, robot = recorded.as_bag(robot)
        with bag:
            return _evaluated(bag, policy, robot)
    return _evaluated(recorded, policy, robot)


def judge_by_defaults(bag: Bag, policy: Policy, robot: Robot, latency: float | None = None) -> tuple[Judged, RecordedDay]:
    """As `evaluate`, of an open bag; `latency` [s] from an observation to its chunk, None: the median of the recording."""
    recording, settings = RecordedDay(bag, robot), Settings()
    horizon = (policy.file.num_steps - 1) * policy.file.dt
    timeout = max(settings.executor.chunk_timeout, horizon)
    settings = replace(settings, executor=replace(settings.executor, start_ramp=0.0, chunk_timeout=timeout))
    latency = recording.typical_delay if latency is None else latency
    return judge(policy.file.name, bag, policy, robot, settings, recording, latency), recording


def _evaluated(bag: Bag, policy: Policy, robot: Robot) -> tuple[Judged, str]:
    judged, recording = judge_by_defaults(bag, policy, robot)
    return judged, verdict(judged, recording)


def verdict(judged: Judged, recording: RecordedDay) -> str:
    """One line: how far off, where most, how smooth, and what went wrong with the inputs."""
    run, errors, space = judged.run, judged.errors, judged.run.policy.file.space
    what = "the recorded commands" if recording.has_commands(space) else "the measured motion"
    if not run.chunks:
        why = f"; {run.refusals[0][2]}" if run.refusals else ""
        return f"{run.name}: no chunk in {recording.seconds:.1f} s{why}"
    joints = errors.error[..., : space.num_joints]
    by_joint = mean_abs(joints, axis=(0, 1))
    if not np.isfinite(by_joint).any():
        return f"{run.name}: {len(run.chunks)} chunks in {recording.seconds:.1f} s, none while anything was recorded to compare with"
    worst = int(np.nanargmax(by_joint))
    configured = run.settings.executor.joints.method
    chosen, plain = judged.figures[configured], judged.figures["latest"]
    streams = [topic for role, topic in recording.inputs.items() if role != "instruction"]  # words come when they come
    gaps = sum(len(input_figures(recording.streams[t]).gaps) for t in streams)
    smooth = {name: f.jump for name, f in judged.figures.items() if np.isfinite(f.jump)}
    best = min(smooth, key=lambda name: smooth[name]) if smooth else ""
    seams = f"seams {plain.jump:.3f} rad (latest), {smooth[best]:.3f} ({best})" if "latest" in smooth else "no seams"
    waits = "" if chosen.waits == "none" else f", not: {chosen.waits}"
    return (
        f"{run.name}: {len(run.chunks)} chunks in {recording.seconds:.1f} s, {float(mean_abs(joints)):.3f} rad from {what} "
        f"(95 %: {percentile(joints, 95):.3f}; most at {space.joint_names[worst]}, {by_joint[worst]:.3f}); {seams}; "
        f"followed {100.0 * chosen.following:.0f} % of the time{waits}; limits bit {chosen.limited} times; "
        f"{len(run.refusals)} refusals, {gaps} gaps in the inputs"
    )


def comparison(judged: Sequence[Judged]) -> str:
    """One line that says which of two policies is nearer to what was done."""
    first, second = (float(mean_abs(j.errors.error[..., : j.run.policy.file.space.num_joints])) for j in judged)
    names = [j.run.name for j in judged]
    if not (np.isfinite(first) and np.isfinite(second)):
        return f"{names[0]} and {names[1]} cannot be compared: one of them has no chunk beside recorded actions"
    if first == second:
        return f"{names[0]} and {names[1]} are equally far from what was done, {first:.4f} rad"
    near, far = (0, 1) if first < second else (1, 0)
    low, high = min(first, second), max(first, second)
    less = f"{low:.4f} against {high:.4f} rad, {percent_less(low, high)} less"
    return f"{names[near]} is nearer to what was done than {names[far]}: {less}"


def percent_less(low: float, high: float) -> str:
    """How much less `low` is than `high` > `low`, so that a difference never reads as none."""
    percent = 100.0 * (1.0 - low / high)
    return f"{percent:.0f} %" if percent >= 1.0 else "under 1 %"
