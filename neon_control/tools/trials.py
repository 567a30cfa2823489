"""`neon_control trials`: how often attempts succeeded, over many recordings, by policy, robot and day; and whether two policies differ."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.text_table import table
from neon_control.evaluation.trial import Trial, counted, read_trial
from neon_control.evaluation.trial_table import COLUMNS, KEYS, Comparison, compare, groups
from neon_control.recordings.bag.bag_file import BagError
from neon_control.recordings.bag.below import bags_below
from neon_control.tools.arguments import new_file

EPILOG = """\
Recordings are those of `neon_control record --episodes`, which say how each attempt went, and bags of a simulation with a topic
.../success. Others count for takeovers and stops. Success is with a person's help or without; `Alone` is without.

examples:
  neon_control trials trials --html report.html
  neon_control trials monday tuesday --compare old_policy new_policy
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", type=Path, metavar="RECORDINGS", help="bags, or folders with some below them")
    text = "columns by which the attempts are grouped (default: all three)"
    parser.add_argument("--by", nargs="+", choices=tuple(KEYS), default=list(KEYS), metavar="KEY", help=text + "; " + ", ".join(KEYS))
    text = "two policies side by side, and whether they differ by more than chance"
    parser.add_argument("--compare", nargs=2, metavar=("A", "B"), help=text)
    parser.add_argument("--html", type=new_file, metavar="FILE", help="write a report with pictures")
    parser.add_argument("--json", type=new_file, metavar="FILE", help="write every attempt's figures for machines")


def run(args: argparse.Namespace) -> int:
    missing = [str(path) for path in args.paths if not path.exists()]
    if missing:
        raise ConfigError(f"no such file or folder: {', '.join(missing)}")
    trials = _read(args.paths, args.html is not None)
    if not trials:
        raise ConfigError(f"no recordings in {', '.join(map(str, args.paths))}")
    by_policy, by_all = groups(trials, ["policy"]), groups(trials, args.by)
    numeric = range(len(args.by), len(args.by) + 3)
    print(table((*(k.capitalize() for k in args.by), *COLUMNS), [g.cells for g in by_all], numeric))
    if len(by_all) > len(by_policy) and "policy" in args.by:
        print("\n" + table(("Policy", *COLUMNS), [g.cells for g in by_policy], range(1, 4)))
    pair = compare(trials, *args.compare) if args.compare else None
    if pair is not None:
        print("\n" + "\n".join(pair.lines))
    if args.html:
        from neon_control.evaluation.trial_page import trial_page  # here: matplotlib takes a second

        args.html.write_text(trial_page(trials, by_policy, by_all, args.by, pair))
        print(f"{args.html}: the report", file=sys.stderr)
    if args.json:
        args.json.write_text(json.dumps(_document(trials, pair), indent=2) + "\n")
    return 0 if any(trial.counts for trial in trials) else 1


def _read(paths: list[Path], pictures: bool) -> list[Trial]:
    found = []
    for path in tqdm(bags_below(paths), "reading", unit="recording", disable=None):
        try:
            found.append(read_trial(path, pictures))
        except BagError as error:
            tqdm.write(f"left out: {error}", file=sys.stderr)
    return counted(found)


def _document(trials: list[Trial], pair: Comparison | None) -> dict[str, Any]:
    rows = [{k: v for k, v in vars(t).items() if k != "pictures"} | {"path": str(t.path), "day": t.day} for t in trials]
    document: dict[str, Any] = {"trials": rows}
    if pair is not None:
        contrasts = {"success": pair.success, "alone": pair.alone}
        document["comparison"] = {**{k: c._asdict() for k, c in contrasts.items()}, "interleaved": pair.interleaved}
    return document
