"""What corrections are worth: a policy of 100 takes, three rounds of takeovers, and as many plain takes of the expert instead.

    python test/benchmarks/corrections_circle.py --root /tmp/circle          # again with the same root: goes on where it was

| stage        | what it leaves in the root                                                                                   |
|--------------|--------------------------------------------------------------------------------------------------------------|
| base         | `data/base`: 100 takes of `neon_control collect`                                                              |
| start        | `policies/start`, trained on them                                                                            |
| corrected_1..3 | `data/corrections_K`: trials of the policy before, until the expert took over 20 times; a policy that goes on from it |
| plain_1..3   | `data/plain_K`: as many takes as there were takeovers, and as many seconds; a policy that goes on, in as many steps |
| trials       | `trials/NAME.jsonl`: episodes 0 .. 49 of seed 11 of start, corrected_3 and plain_3, in lock step                    |

Everything is resumed: recordings, encoding, training and trials, whenever it was killed. Scenes of the trials are of another seed than all
scenes that were collected. At its end, and with --table at once, it prints the table that is in docs/training.md.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from delay_curve import append, interval, read_rows

from neon_control.core.common.text_table import markdown_table
from neon_control.core.common.yaml_file import read_mapping
from neon_control.sim.episode import Outcome

ROUNDS, TAKEOVERS = 3, 20  # of each round
SEEDS = {"base": 1, "corrections": 100, "plain": 200, "trials": 11}
CUTS, IMAGES_HZ = 3, 7.5  # of a plain take
BATCH = 256
START = {"epochs": 100, "batch_size": BATCH}
FURTHER = {"epochs": 25, "batch_size": BATCH, "learning_rate": 3e-4}
MOST_EPISODES = 120  # of a round


class Circle:
    """The stages; each does only what is missing."""

    def __init__(self, root: Path, takes: int, episodes: int, workers: int) -> None:
        self.root, self.takes, self.episodes, self.workers = root.absolute(), takes, episodes, workers

    def run(self) -> None:
        """All of them."""
        self.collect("base", "--takes", self.takes, "--seed", SEEDS["base"])
        self.train("start", ["base"], START)
        self.trials("start")
        before = "start"
        for number in range(1, ROUNDS + 1):
            corrections = ("--policy", self.policy(before), "--corrections", "--takes", MOST_EPISODES, "--takeovers", TAKEOVERS)
            self.collect(f"corrections_{number}", *corrections, "--seed", SEEDS["corrections"] + number)
            given = {**FURTHER, "init_from": self.policy(before), "sampling": "interventions:0.5"}
            self.train(f"corrected_{number}", ["base", *_numbered("corrections", number)], given)
            before = f"corrected_{number}"
        self.trials(before)
        before, led = "start", 0.0
        for number in range(1, ROUNDS + 1):
            now = self.summary(f"corrected_{number}")["seconds_used"]["person"]
            count = self.takeovers(number)
            seconds = round(max((now - led) / (CUTS * count), 0.4), 2)  # no shorter than a chunk
            led = now
            self.collect(f"plain_{number}", "--takes", count, "--cuts", CUTS, "--seconds", seconds, "--seed", SEEDS["plain"] + number)
            epochs = self.epochs_for(number, now)
            self.train(
                f"plain_{number}", ["base", *_numbered("plain", number)], {**FURTHER, "epochs": epochs, "init_from": self.policy(before)}
            )
            before = f"plain_{number}"
        self.trials(before)

    def policy(self, name: str) -> Path:
        return self.root / "policies" / name

    def summary(self, name: str) -> dict[str, Any]:
        """What a policy's file says of its training."""
        found: dict[str, Any] = read_mapping(self.policy(name) / "policy.yaml")["training"]
        return found

    def takeovers(self, number: int) -> int:
        """How often the expert took over in a round."""
        from neon_control.demo.corrected_set import read_back

        out = self.root / "data" / f"corrections_{number}"
        found = [read_back(out, i) for i in range(MOST_EPISODES)]
        return sum(len(trial.reasons) for trial in found if trial is not None)

    def epochs_for(self, number: int, seconds: float) -> int:
        """How many epochs on plain takes are as many steps as the round's with corrections."""
        steps = FURTHER["epochs"] * math.ceil(self.summary(f"corrected_{number}")["samples"] / BATCH)
        return max(1, round(steps / math.ceil((self.summary("start")["samples"] + IMAGES_HZ * seconds) / BATCH)))

    def collect(self, name: str, *options: object) -> None:
        """Collect into `data/NAME`."""
        mark = self.root / "data" / f"{name}.done"
        if not mark.exists():
            self._command("collect", "--out", self.root / "data" / name, "--workers", self.workers, *options)
            mark.touch()

    def train(self, name: str, data: list[str], given: dict[str, Any]) -> None:
        """Train a policy on what lies in `data/`."""
        if (self.policy(name) / "policy.yaml").exists():
            return
        options = [word for key, value in given.items() for word in (f"--{key}", value)]
        folders = [self.root / "data" / folder for folder in data]
        where = ("--out", self.root / "policies", "--runs", self.root / "runs", "--threads", self.workers)
        self._command("train", "--config", "train/g1_reach.yaml", "--name", name, "--data", *folders, *where, *options)

    def trials(self, name: str) -> None:
        """Trials that are not there yet, one line each."""
        there = self.results(name)
        if len(there) >= self.episodes:
            return
        from neon_control.core.robot.robot_file import load_robot
        from neon_control.demo.lock_step import LockStep
        from neon_control.runtime.policy.policy import Policy

        robot = load_robot("g1.yaml")
        trials = LockStep(Policy.load(self.policy(name), robot), robot)
        for index in range(len(there), self.episodes):
            outcome, seconds = trials.run(SEEDS["trials"], index)
            append(self._results(name), {"index": index, "outcome": outcome.value, "time_to_reach_s": seconds})
        trials.close()

    def results(self, name: str) -> list[dict[str, Any]]:
        """Of the trials that were finished."""
        return read_rows(self._results(name))

    def _results(self, name: str) -> Path:
        return self.root / "trials" / f"{name}.jsonl"

    def table(self) -> str:
        """What there is until now."""
        rows = []
        for name in ("start", f"corrected_{ROUNDS}", f"plain_{ROUNDS}"):
            results = self.results(name)
            if not results:
                continue
            summary, count = self.summary(name), sum(r["outcome"] == Outcome.SUCCESS for r in results)
            low, high = interval(count, len(results))
            wrong = sum(r["outcome"] == Outcome.WRONG_CUBE for r in results)
            used = summary["seconds_used"]
            rows.append(
                (
                    name,
                    f"{used.get('demonstration', 0.0):.0f} s",
                    f"{used.get('person', 0.0):.0f} s",
                    f"{count} of {len(results)}",
                    f"{100 * count / len(results):.0f} % ({100 * low:.0f} to {100 * high:.0f})",
                    str(wrong),
                )
            )
        columns = ("policy", "demonstrations", "corrections", "succeeded", "share, 95 % interval", "touched the wrong cube")
        counts = [self.takeovers(number) for number in range(1, ROUNDS + 1)]
        return f"{markdown_table(columns, rows)}\n\ntakeovers of the rounds: {counts}"

    def _command(self, *words: object) -> None:
        print(time.strftime("%H:%M:%S"), *words, flush=True)
        subprocess.run([sys.executable, "-m", "neon_control.tools.cli", *map(str, words)], check=True)


def _numbered(name: str, last: int) -> list[str]:
    return [f"{name}_{number}" for number in range(1, last + 1)]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="folder for everything")
    parser.add_argument("--takes", type=int, default=100, help="that the first policy is trained on (default: %(default)s)")
    parser.add_argument("--episodes", type=int, default=50, help="trials of each policy (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="processes, and threads of training (default: %(default)s)")
    parser.add_argument("--table", action="store_true", help="only print what there is")
    args = parser.parse_args(arguments)
    circle = Circle(args.root, args.takes, args.episodes, args.workers)
    if not args.table:
        for folder in ("data", "policies", "runs", "trials"):
            (circle.root / folder).mkdir(parents=True, exist_ok=True)
        circle.run()
    print(circle.table())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
