"""`neon_control recordings`: what rosbags and LeRobot datasets hold for training, what is wrong with them, and an export to LeRobot."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from neon_control.core.common.text_table import table
from neon_control.core.robot.action_space import MODES, ActionSpace
from neon_control.core.robot.robot_file import load_robot
from neon_control.recordings.finding import Recording, Report, find_recordings
from neon_control.recordings.lerobot.episodes import IMAGES as LEROBOT_IMAGES
from neon_control.recordings.lerobot.episodes import STATE as LEROBOT_STATE
from neon_control.recordings.lerobot.export import LeRobotExport, image_rate
from neon_control.recordings.reading import alike
from neon_control.tools.arguments import positive, whole

COLUMNS = ("Recording", "Episodes", "Seconds", "Samples", "Images [Hz]", "Joint states [Hz]", "Problems")
PROBLEM_COLUMNS = ("Where", "Time [s]", "Times", "Recordings", "What")
EPILOG = """\
Every image is read and decoded, so this takes about as long as training needs to read the same recordings. A sample is what training
learns from: an image with sound, joint positions and the commands that followed. Topics and joint names come from the sections
`cameras`, `recording` and `controllers` of the robot file. Exit code 1: there is no usable sample.

examples:
  neon_control recordings data/g1_reach
  neon_control recordings bags/monday bags/tuesday --robot my_robot.yaml --boundary episode/begin
  neon_control recordings bags --export-lerobot my_dataset --task "put the cube into the box"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="bags, LeRobot datasets, folders with some below them, or a dataset on the Hugging Face hub: OWNER/NAME",
    )
    parser.add_argument("--robot", default="g1.yaml", metavar="FILE", help="robot file (default: %(default)s)")
    parser.add_argument("--mode", default="arms_only", choices=sorted(MODES), help="joints that are learnt (default: %(default)s)")
    parser.add_argument("--boundary", metavar="TOPIC", help="each message on it begins an episode (default: what the robot file says)")
    parser.add_argument("--dt", type=positive, default=0.02, metavar="S", help="time between steps of a chunk (default: %(default)s)")
    parser.add_argument("--steps", type=whole(1), default=16, metavar="N", help="steps of a chunk (default: %(default)s)")
    parser.add_argument("--export-lerobot", type=Path, metavar="DIR", help="write everything usable as a LeRobot dataset (v3.0)")
    text = "images a second of the export (default: the first recording's rate, rounded)"
    parser.add_argument("--fps", type=whole(1), metavar="HZ", help=text)
    parser.add_argument("--task", default="", metavar="TEXT", help="what is done in the recordings, in words, for the export")


def run(args: argparse.Namespace) -> int:
    robot = load_robot(args.robot)
    space = ActionSpace.from_robot(robot, args.mode)
    config = robot.recording if args.boundary is None else replace(robot.recording, boundary=args.boundary)
    recordings = find_recordings(args.paths, config)
    topics = config.camera.lstrip("/"), config.joint_states.lstrip("/")
    rows = [check(r, space, args.dt, args.steps, *topics) for r in tqdm(recordings, "reading", unit="recording", disable=None)]
    lines, samples, reports = zip(*rows, strict=True)
    print(table(COLUMNS, lines, numeric=range(1, len(COLUMNS))))
    problems = alike((r.name, p) for r, report in zip(recordings, reports, strict=True) for p in report.problems)
    if problems:
        cells = [(p.where, "" if p.time is None else f"{p.time:.2f}", str(p.count), str(count), p.what) for p, count in problems]
        print("\n" + table(PROBLEM_COLUMNS, cells, numeric=(1, 2, 3)))
    usable = [recording for recording, count in zip(recordings, samples, strict=True) if count]
    print(f"\n{len(usable)} of {len(rows)} recordings are usable: {sum(samples)} samples")
    if not usable:
        print("neon_control: there is nothing to train on", file=sys.stderr)
        return 1
    if args.export_lerobot:
        export(usable, space, args, robot.name)
    return 0


def check(
    recording: Recording, space: ActionSpace, dt: float, num_steps: int, camera: str, joint_states: str
) -> tuple[tuple[str, ...], int, Report]:
    """Read one recording to its end: its line of the table, a cell for each of COLUMNS; its samples; what is wrong with it."""
    report = Report()
    episodes, samples = set(), 0
    for sample in recording.samples(space, dt, num_steps, report=report):
        episodes.add(sample.episode)
        samples += 1
    rates = report.rates
    images = next((r for t, r in rates.items() if t in (camera, f"{camera}/compressed", LEROBOT_IMAGES)), 0.0)
    states = rates.get(joint_states) or rates.get(LEROBOT_STATE, 0.0)
    numbers = (len(episodes), f"{report.seconds:.1f}", samples, f"{images:.1f}", f"{states:.1f}", sum(p.count for p in report.problems))
    return (recording.name, *map(str, numbers)), samples, report


def export(recordings: Sequence[Recording], space: ActionSpace, args: argparse.Namespace, robot: str) -> None:
    """Write the recordings as one LeRobot dataset."""
    fps = args.fps or image_rate(recordings, space, args.dt) or 1
    with LeRobotExport(args.export_lerobot, space, robot, fps, args.task) as dataset:
        for recording in tqdm(recordings, "exporting", unit="recording", disable=None):
            dataset.add(recording, args.dt, Report())
    print(f"{args.export_lerobot}: {dataset.episodes} episodes, {dataset.frames} frames at {fps} Hz")
