"""How often a policy succeeds in the simulation when its camera's images come another way than in training.

    python test/benchmarks/image_kinds.py --policy g1_reach --episodes 50 --seed 11 320x240 320x240:q90 640x480:q90 640x480:320x240:q95

A kind is the size that the camera draws, then what is done to its images: `WxH` makes them that large (as a driver's scaler would), `qN`
compresses them as JPEG of quality N and decodes them again, `+N` and `-N` make them N grey levels lighter or darker.

Lock-step: simulation, inference and executor take turns in simulated time, so a busy computer changes no figure, and on one computer the
same arguments give the same trials. Scenes and commands are those of `neon_control demo --headless`. A chunk comes `--latency` after its
image was taken.
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from neon_control.core.robot.robot_file import load_robot
from neon_control.demo.lock_step import LATENCY, LockStep
from neon_control.runtime.policy.policy import Policy
from neon_control.sim.episode import FINISHED, Outcome


class Kind:
    """One way from the camera to the policy."""

    def __init__(self, text: str) -> None:
        first, *self._steps = text.split(":")
        self.text, self.drawn = text, _size(first)

    def of(self, image: np.ndarray) -> np.ndarray:
        """What becomes of a drawn image (H, W, 3) uint8 RGB."""
        for step in self._steps:
            if step.startswith("q"):
                file = io.BytesIO()
                Image.fromarray(image).save(file, "JPEG", quality=int(step[1:]))
                image = np.asarray(Image.open(file))
            elif step[0] in "+-":
                image = np.clip(image.astype(np.int16) + int(step), 0, 255).astype(np.uint8)
            else:
                image = np.asarray(Image.fromarray(image).resize(_size(step), Image.Resampling.BILINEAR))
        return image


def _size(text: str) -> tuple[int, int]:
    width, height = text.split("x")
    return int(width), int(height)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="+", type=Kind, metavar="KIND")
    parser.add_argument("--policy", default="g1_reach")
    parser.add_argument("--robot", default="g1.yaml")
    parser.add_argument("--episodes", type=int, default=50)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--latency", type=float, default=LATENCY, help="[s]")
    parser.add_argument("--json", type=Path, help="figures are added here, line by line")
    args = parser.parse_args(arguments)
    robot = load_robot(args.robot)
    policy = Policy.load(args.policy, robot)
    for kind in args.kinds:
        trials = LockStep(policy, robot, kind.drawn, args.latency, kind.of)
        results = [trials.run(args.seed, index) for index in range(args.episodes)]
        trials.close()
        outcomes = [outcome.value for outcome, _ in results]
        times = [time for _, time in results if time is not None]
        figures = {
            "policy": args.policy,
            "kind": kind.text,
            "episodes": args.episodes,
            "seed": args.seed,
            **{outcome.value: outcomes.count(outcome.value) for outcome in FINISHED},
            "failed": [i for i, outcome in enumerate(outcomes) if outcome != Outcome.SUCCESS],
            "mean_time_to_reach_s": round(float(np.mean(times)), 3) if times else None,
        }
        print(json.dumps(figures), flush=True)
        if args.json is not None:
            with args.json.open("a") as file:
                file.write(json.dumps(figures) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
