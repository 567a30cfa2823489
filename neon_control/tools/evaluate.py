"""`neon_control evaluate`: what a policy makes of a recording, offline, without ROS, in the bag's time.

The same bag and policy give the same tables, byte by byte, on the same computer. The report is one HTML file; the tables beside it hold
everything that it shows, and more.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.paths import find_file
from neon_control.core.control.ensemble import METHODS
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.robot_file import load_robot
from neon_control.evaluation import delay, tables
from neon_control.evaluation.judging import comparison, judge, verdict
from neon_control.evaluation.recorded_day import RecordedDay
from neon_control.evaluation.settings import Settings, from_file, from_recording
from neon_control.recordings.bag.bag_file import POLICY_KEY, Bag
from neon_control.runtime.encoders.backbone import BackboneOptions
from neon_control.runtime.policy.policy import Policy
from neon_control.tools.arguments import add_plugins
from neon_control.tools.bag import add_bag_arguments, label, open_bag
from neon_control.tools.topics import add_robot_arguments, robot_file

REPORT = "report.html"
EPILOG = """\
examples:
  neon_control evaluate failure                                  the policy that ran when the bag was recorded
  neon_control evaluate failure --policy g1_reach --against policies/other --out report
  neon_control evaluate bags/take_1 --robot my_robot.yaml --policy policies/my_task
  neon_control evaluate my_dataset --episode 3 --robot my_robot.yaml --policy policies/my_task
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_bag_arguments(parser)
    parser.add_argument("--policy", metavar="NAME", help="policy folder or name (default: the one that ran when the bag was recorded)")
    parser.add_argument("--against", metavar="NAME", help="a second policy, side by side with the first")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for report and tables (default: evaluation-RECORDING-POLICY here)")
    parser.add_argument("--tables-only", action="store_true", help="write the tables, and no report")
    add_robot_arguments(parser)
    text = "from an observation to its chunk (default: the bag's own median; 0 without chunks)"
    parser.add_argument("--latency", type=float, metavar="S", help=text)
    add_plugins(parser)
    parser.add_argument("--method", choices=METHODS, help="ensembling of the executor that the report shows (default: as configured)")
    text = "the executor's ramp at the start; the robot was in motion (default: 0)"
    parser.add_argument("--start-ramp", type=float, default=0.0, metavar="S", help=text)


def run(args: argparse.Namespace) -> int:
    if args.latency is not None and not 0.0 <= args.latency <= 10.0:
        raise ConfigError(f"--latency must lie in [0, 10] s, got {args.latency}")
    robot = load_robot(robot_file(args.robot, args.params_file))
    with open_bag(args, robot) as (bag, robot):
        settings = _settings(args, bag)
        policies = _load(args, bag, robot)
        with _progress(bag, "reading") as progress:
            recording = RecordedDay(bag, robot, args.namespace, progress)
        for problem in recording.report.problems:
            tqdm.write(str(problem), file=sys.stderr)
        latency = recording.typical_delay if args.latency is None else args.latency
        judged = []
        for name, policy in policies.items():
            with _progress(bag, name) as progress:
                judged.append(judge(name, bag, policy, robot, settings, recording, latency, progress))
    out = args.out or Path(f"evaluation-{label(bag)}-{'-'.join(policies)}")
    out.mkdir(parents=True, exist_ok=True)
    found = [t for j in judged for t in tables.run_tables(j)] + tables.recording_tables(recording)
    tables.write(found, out)
    lines = [line for j in judged for line in (verdict(j, recording), *j.run.unlike)] + ([comparison(judged)] if len(judged) > 1 else [])
    print("\n".join(lines))
    for entry in judged:
        print(f"\n{delay.delay_text(entry, latency)}")
    if not args.tables_only:
        from neon_control.evaluation import report  # here: matplotlib takes a second

        notes = _notes(args, settings, latency, recording, bag, next(iter(policies.values())))
        report.write(out / REPORT, judged, recording, lines, notes)
    print(f"{len(found)} tables{'' if args.tables_only else f' and {REPORT}'} in {out}", file=sys.stderr)
    return 0


def bag_policy(custom: dict[str, str]) -> dict[str, object]:
    """What the recording says about the policy that ran; empty where it says nothing."""
    return dict(json.loads(custom.get(POLICY_KEY, "{}")))


def _settings(args: argparse.Namespace, bag: Bag) -> Settings:
    settings = from_recording(bag.custom) if args.recorded_parameters else from_file(find_file(args.params_file, "config"))
    if settings is None:
        raise ConfigError(f"{args.bag} does not tell the parameters of the nodes; only `neon_control record` notes them")
    executor = replace(settings.executor, start_ramp=args.start_ramp)
    if args.method:
        streams = {s: replace(getattr(executor, s), method=args.method) for s in ("joints", "base")}
        executor = replace(executor, **streams)
    return replace(settings, executor=executor)


def _load(args: argparse.Namespace, bag: Bag, robot: Robot) -> dict[str, Policy]:
    """Name in the report -> policy, one thread each: more would not add up their sums in the same order."""
    given = args.policy or bag_policy(bag.custom).get("policy")
    if not given:
        raise ConfigError(f"{args.bag} does not tell which policy ran; name one with --policy")
    policies: dict[str, Policy] = {}
    for name in (str(given), *([args.against] if args.against else [])):
        policy = Policy.load(name, robot, BackboneOptions(threads=1))
        label = policy.file.name if policy.file.name not in policies else f"{policy.file.name}_2"
        policies[label] = policy
    spaces = [p.file.space.names for p in policies.values()]
    if len(spaces) > 1 and spaces[0] != spaces[1]:
        raise ConfigError(f"--against: the policies command other joints, {list(spaces[0])} and {list(spaces[1])}; they need the same")
    return policies


@contextmanager
def _progress(bag: Bag, text: str) -> Iterator[Callable[[int], None]]:
    """A progress bar in bag time; to be called with the time [ns] of each message."""
    form = "{desc} |{bar}| {n:.1f}/{total:.1f} s"
    with tqdm(total=(bag.end - bag.start) * 1e-9, desc=text, bar_format=form, file=sys.stderr, disable=None) as bar:
        yield lambda time: bar.update(max(0.0, (time - bag.start) * 1e-9 - bar.n))


def _notes(args: argparse.Namespace, settings: Settings, latency: float, recording: RecordedDay, bag: Bag, first: Policy) -> list[str]:
    where = "given" if args.latency is not None else "the recording's median" if recording.chunk_delays else "no chunks were recorded"
    notes = [
        f"{recording.path.resolve()}, {recording.seconds:.2f} s; parameters: {settings.source}; "
        f"latency {1e3 * latency:.0f} ms ({where}); start ramp {settings.executor.start_ramp:g} s.",
        "The recording does not react: an error is the distance from what was done on the day, not from what was right.",
    ]
    notes += [bag.about] if bag.about else []
    limit = settings.executor.chunk_timeout
    if latency > limit:
        notes.append(
            f"A chunk arrives {1e3 * latency:.0f} ms after its observation, but the executor follows none older than {1e3 * limit:.0f} ms "
            "(chunk_timeout): so it holds the pose. Try --latency 0 to see what the policy would do on a faster computer."
        )
    if not recording.has_commands(first.file.space):
        notes.append("No commands of these joints were recorded: the measured motion stands for the recorded action.")
    if first.file.space.dim > first.file.space.num_joints and not recording.commands.has_base:
        notes.append("No commands of the base were recorded: it is taken to stand still.")
    notes += [f"{problem}." for problem in recording.report.problems]
    recorded = bag_policy(bag.custom)
    if files := recorded.get("files"):
        same = all(dict(files).get(n) == digest for n, digest in first.file.files.items())  # type: ignore[call-overload]
        notes.append(f"Policy on the day: {recorded.get('name')}; {first.file.name} has {'the same' if same else 'other'} files.")
    return notes
