"""`neon_control recordings`: rosbags and LeRobot datasets examined before a training, and exported to LeRobot."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from tqdm import tqdm

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.text_table import table
from neon_control.core.robot.action_space import MODES, ActionSpace
from neon_control.core.robot.camera import Camera
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.robot_file import load_robot
from neon_control.doctor.alike import reason_rows
from neon_control.doctor.document import figures_line, write_document
from neon_control.doctor.examination import Examined, Look, examine, judged_together
from neon_control.doctor.examiner import PLACES
from neon_control.doctor.verdict import BAD, DOUBTFUL, GOOD, UNUSABLE, VERDICTS, Judged
from neon_control.recordings.chosen import Entry, names_of, write_list
from neon_control.recordings.finding import Problem, Recording, Report, find_recordings
from neon_control.recordings.labels import labels_of
from neon_control.recordings.lerobot.episodes import IMAGES as LEROBOT_IMAGES
from neon_control.recordings.lerobot.episodes import STATE as LEROBOT_STATE
from neon_control.recordings.lerobot.export import LED, SUCCEEDED, LeRobotExport, image_rate
from neon_control.recordings.reading import alike
from neon_control.tools.arguments import new_file, positive, whole

COLUMNS = ("Recording", "Verdict", "Episodes", "Seconds", "Samples", "Images [Hz]", "Joint states [Hz]", "Problems")
NUMERIC = range(2, len(COLUMNS))
PROBLEM_COLUMNS = ("Where", "Time [s]", "Times", "Recordings", "What")
REASON_COLUMNS = ("Verdict", "Episodes", "Reason", "First")
LOOKED_AT = 2 * PLACES  # images of an episode and camera
LISTED = 60  # recordings in the table, from which on those that are good are counted only
EPILOG = """\
A sample is what training learns from: an image with sound, joint positions and the commands that followed. Topics and joint names come
from the sections `cameras`, `recording` and `controllers` of the robot file. Verdicts: bad, it would teach something false or nothing;
doubtful, look at it; docs/recordings.md says what is measured and where the limits are. Exit code 1: there is no usable sample.

examples:
  neon_control recordings data/g1_reach
  neon_control recordings bags/monday bags/tuesday --robot my_robot.yaml --html report.html --exclude bad.yaml
  neon_control train --data bags --episodes bad.yaml              # what the list names is left out
  neon_control recordings bags --json - | jq '.episodes[] | select(.verdict == "bad") | .recording'
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
    parser.add_argument("--html", type=new_file, metavar="FILE", help="write a report with plots and images")
    parser.add_argument("--json", type=_file_or_stdout, metavar="FILE", help="write everything for machines; `-`: to stdout, alone")
    parser.add_argument("--exclude", type=new_file, metavar="FILE", help="write a list of the bad episodes, for `train --episodes`")
    text = "leave out doubtful episodes as well"
    parser.add_argument("--strict", action="store_true", help=f"with --exclude: {text}")
    text = f"decode and judge every image; by default {LOOKED_AT} of an episode and camera are, and the rest is counted"
    parser.add_argument("--all-images", action="store_true", help=text)
    parser.add_argument("--export-lerobot", type=Path, metavar="DIR", help="write everything usable as a LeRobot dataset (v3.0)")
    text = "images a second of the export (default: the first recording's rate, rounded)"
    parser.add_argument("--fps", type=whole(1), metavar="HZ", help=text)
    text = "what is done, in words, for the export, where a recording does not say so itself"
    parser.add_argument("--task", default="", metavar="TEXT", help=text)
    text = "cameras of the export (default: all of the robot file); a frame without an image of each is left out"
    parser.add_argument("--cameras", nargs="+", default=[], metavar="NAME", help=text)


def _file_or_stdout(text: str) -> Path:
    return Path(text) if text == "-" else new_file(text)


@dataclass
class Findings:
    """What is kept of all recordings: lines, no data."""

    rows: list[tuple[str, ...]] = field(default_factory=list)  # of each recording, see COLUMNS, without the verdict
    samples: list[int] = field(default_factory=list)
    problems: list[tuple[str, Problem]] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)  # of each of `judged`, the number of its recording


def run(args: argparse.Namespace) -> int:
    robot = load_robot(args.robot)
    space = ActionSpace.from_robot(robot, args.mode)
    config = robot.recording if args.boundary is None else replace(robot.recording, boundary=args.boundary)
    recordings = find_recordings(args.paths, config)
    cameras = _exported(robot, args.cameras)
    topics = config.camera.lstrip("/"), config.joint_states.lstrip("/")
    look, found = Look(robot.cameras, args.all_images, args.html is not None), Findings()
    with ExitStack() as stack:
        lines = stack.enter_context(tempfile.TemporaryFile("w+"))
        page: Any = None
        if args.html:
            from neon_control.doctor.report import ReportWriter  # here: matplotlib takes a second

            page = stack.enter_context(ReportWriter(space))
        examined = examine(recordings, names_of(recordings), space, args.dt, args.steps, look)
        for recording, report, episodes in tqdm(examined, "reading", len(recordings), unit="recording", disable=None):
            _keep(found, recording, report, episodes, *topics)
            for episode in episodes:
                lines.write(figures_line(episode.figures, space) + "\n")
                if page is not None:
                    page.add(episode)
        found.judged = judged_together(found.judged)
        out = sys.stderr if args.json == Path("-") else sys.stdout
        usable = [recording for recording, count in zip(recordings, found.samples, strict=True) if count]
        _print(found, len(usable), out)
        _write(args, found, lines, page, space, robot.name, out)
    if not usable:
        print("neon_control: there is nothing to train on", file=sys.stderr)
        return 1
    if args.export_lerobot:
        seen = find_recordings(args.paths, config.looking_through(cameras))
        chosen = [recording for recording, count in zip(seen, found.samples, strict=True) if count]
        return export(chosen, space, args, robot.name, [c.name for c in cameras or robot.cameras], out)
    return 0


def _exported(robot: Robot, names: Sequence[str]) -> tuple[Camera, ...]:
    """The cameras of an export; none for the only one that there is, whose topic the section `recording` may change."""
    of_robot = {camera.name: camera for camera in robot.cameras}
    if not set(names) <= set(of_robot):
        raise ConfigError(f"--cameras are {list(names)}, but robot {robot.name} has {list(of_robot)}")
    return tuple(of_robot[name] for name in names or of_robot) if len(of_robot) > 1 else ()


def _keep(found: Findings, recording: Recording, report: Report, episodes: Sequence[Examined], camera: str, joint_states: str) -> None:
    """Add a recording to what was found."""
    rates = report.rates
    images = next((r for t, r in rates.items() if t in (camera, f"{camera}/compressed", LEROBOT_IMAGES)), 0.0)
    states = rates.get(joint_states) or rates.get(LEROBOT_STATE, 0.0)
    samples = sum(e.judged.samples for e in episodes)
    with_samples = sum(e.judged.samples > 0 for e in episodes)
    numbers = (with_samples, f"{report.seconds:.1f}", samples, f"{images:.1f}", f"{states:.1f}", sum(p.count for p in report.problems))
    found.owners += [len(found.rows)] * len(episodes)
    found.rows.append((recording.name, *map(str, numbers)))
    found.samples.append(samples)
    found.problems += [(recording.name, p) for p in report.problems]
    found.judged += [e.judged for e in episodes]


def _print(found: Findings, usable: int, out: IO[str]) -> None:
    """The tables, and the set in one line each."""
    verdicts: list[Counter[str]] = [Counter() for _ in found.rows]
    for episode, owner in zip(found.judged, found.owners, strict=True):
        verdicts[owner][episode.verdict] += 1
    cells = [(row[0], _in_words(counts), *row[1:]) for row, counts in zip(found.rows, verdicts, strict=True)]
    hidden = 0
    if len(cells) > LISTED:
        shown = [c for c in cells if c[1] != GOOD]
        hidden, cells = len(cells) - len(shown), shown
    if cells:
        print(table(COLUMNS, cells, numeric=NUMERIC), file=out)
    if hidden:
        print(f"... and {hidden} recordings that are good", file=out)
    if problems := alike(found.problems):
        lines = [(p.where, "" if p.time is None else f"{p.time:.2f}", str(p.count), str(count), p.what) for p, count in problems]
        print("\n" + table(PROBLEM_COLUMNS, lines, numeric=(1, 2, 3)), file=out)
    if reasons := [row for row in reason_rows(found.judged) if not row[2].startswith(UNUSABLE)]:  # those are told as problems
        told = [(verdict, str(count), text, found.judged[numbers[0]].name) for verdict, count, text, numbers in reasons]
        print("\n" + table(REASON_COLUMNS, told, numeric=(1,)), file=out)
    total = Counter(e.verdict for e in found.judged)
    print(f"\n{len(found.judged)} episodes: {', '.join(f'{total[v]} {v}' for v in VERDICTS)}", file=out)
    print(f"{usable} of {len(found.rows)} recordings are usable: {sum(found.samples)} samples", file=out)


def _in_words(counts: Counter[str]) -> str:
    """`bad`, or of several episodes `2 good, 1 bad`."""
    return next(iter(counts)) if counts.total() == 1 else ", ".join(f"{counts[v]} {v}" for v in VERDICTS if counts[v])


def _write(args: argparse.Namespace, found: Findings, lines: IO[str], page: Any, space: ActionSpace, robot: str, out: IO[str]) -> None:
    """The files that were asked for."""
    if args.json is not None:
        problems = [{"recording": name, **vars(p)} for name, p in found.problems]
        lines.seek(0)
        with ExitStack() as stack:
            stream = sys.stdout if args.json == Path("-") else stack.enter_context(args.json.open("w", encoding="utf-8"))
            write_document(stream, robot, space, found.judged, lines, problems)
    if page is not None:
        from neon_control.core.common import html
        from neon_control.doctor.report import reasons_table

        title = f"Recordings: {', '.join(p.resolve().name if p.exists() else str(p) for p in args.paths)}"
        rows = [(p.where, p.count, count, p.what) for p, count in alike(found.problems)]
        problems_table = html.element("div", html.table(("Where", "Times", "Recordings", "What"), rows), class_="left") if rows else ""
        reasons = reason_rows(found.judged)
        seen = "every image" if args.all_images else f"{LOOKED_AT} images of each episode and camera, evenly spaced"
        notes = [f"Robot {robot}, {space.mode}; chunks of {args.steps} steps, {args.dt:g} s apart; {seen} were decoded."]
        page.write(args.html, title, found.judged, reasons_table(reasons, found.judged) if reasons else "", problems_table, notes)
        print(f"report in {args.html}", file=out)
    if args.exclude is not None:
        entries = list(_excluded(found.judged, args.strict))
        write_list(args.exclude, entries, f"left out by `neon_control train --episodes {args.exclude.name}`; remove what you want to keep")
        print(f"{args.exclude} lists {len(entries)} of {len(found.judged)} episodes", file=out)


def _excluded(judged: Sequence[Judged], strict: bool) -> Iterator[Entry]:
    for episode in judged:
        if episode.verdict == BAD or (strict and episode.verdict == DOUBTFUL):
            why = "; ".join(r.text for r in episode.reasons if strict or r.verdict == BAD)
            yield Entry(episode.recording, None if episode.alone else episode.number, why)


def export(
    recordings: Sequence[Recording], space: ActionSpace, args: argparse.Namespace, robot: str, cameras: Sequence[str], out: IO[str]
) -> int:
    """Write the recordings as one LeRobot dataset; 1 where none of them has an image of each camera."""
    fps = args.fps or image_rate(recordings, space, args.dt) or 1
    empty: list[tuple[str, Problem]] = []
    labels = _labels(recordings, out)
    with LeRobotExport(args.export_lerobot, space, robot, fps, args.task, cameras, labels) as dataset:
        for recording in tqdm(recordings, "exporting", unit="recording", disable=None):
            report, before = Report(), dataset.frames
            dataset.add(recording, args.dt, report)
            empty += [(recording.name, p) for p in report.problems] if dataset.frames == before else []
    for problem, count in alike(empty):
        print(f"not exported, {count} recordings: {problem}; the cameras are {list(cameras)}, --cameras names fewer", file=out)
    print(f"{args.export_lerobot}: {dataset.episodes} episodes, {dataset.frames} frames at {fps} Hz", file=out)
    return 0 if dataset.episodes else 1


def _labels(recordings: Sequence[Recording], out: IO[str]) -> list[str]:
    """What the export can say beside the samples: how episodes ended, where all of them say it, and who led, where any does."""
    found = [labels_of(recording) for recording in recordings]
    silent = sum(not label.outcome for label in found)
    if 0 < silent < len(found):
        print(f"{SUCCEEDED} is left out: {silent} of {len(found)} recordings do not say how they ended; export them apart", file=out)
    return [SUCCEEDED] * (not silent) + [LED] * any(label.led for label in found)
