"""How often a policy succeeds in the simulation when its camera's images come another way than in training.

    python test/benchmarks/image_kinds.py --policy g1_reach --episodes 50 --seed 11 320x240 320x240:q90 640x480:q90 640x480:320x240:q95

A kind is the size that the camera draws, then what is done to its images: `WxH` makes them that large (as a driver's scaler would), `qN`
compresses them as JPEG of quality N and decodes them again, `+N` and `-N` make them N grey levels lighter or darker.

Lock-step: simulation, inference and executor take turns in simulated time, so a busy computer changes no figure, and the same arguments
give the same trials. Scenes and commands are those of `neon_control demo --headless`. A chunk comes `--latency` after its image was taken.
"""

from __future__ import annotations

import argparse
import heapq
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from neon_control.core.common.errors import ObservationError
from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.control.controllers import CONTROLLER_PERIOD, CommandError
from neon_control.core.control.executor import MotionExecutor
from neon_control.core.control.executor_settings import ExecutorSettings
from neon_control.core.robot.robot_file import load_robot
from neon_control.core.sensing.audio_buffer import AUDIO_WINDOW_S, SAMPLE_RATE
from neon_control.core.sensing.observation import ObservationBuilder
from neon_control.runtime.policy.decisions import InferenceDecisions
from neon_control.runtime.policy.policy import Policy
from neon_control.sim.episode import FINISHED, Outcome
from neon_control.sim.simulation import Simulation

PERIOD = round(CONTROLLER_PERIOD * NANOSECONDS)  # [ns]
CAMERA_HZ, BACKBONE_HZ = 15.0, 10.0
AUDIO_EVERY, TICK_EVERY, TRUTH_EVERY = 4, 2, 10  # [periods]
SPEECH_DELAY = 2.1  # [s] as in the demo
BEGIN = 1_000_000 * NANOSECONDS  # [ns]


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


class Trials:
    """One policy, one kind of image."""

    def __init__(self, policy: Policy, robot_file: str, kind: Kind, latency: float) -> None:
        self._robot, self._policy, self._kind, self._latency = load_robot(robot_file), policy, kind, round(latency * NANOSECONDS)
        self._simulation = Simulation(self._robot, kind.drawn, SPEECH_DELAY)

    def run(self, seed: int, index: int) -> tuple[str, float | None]:
        """The outcome of an episode, and the time to reach [s]."""
        robot, policy, simulation = self._robot, self._policy, self._simulation
        simulation.reset(seed, index)
        names = policy.file.space.joint_names
        builder = ObservationBuilder(names, cameras=[c.name for c in robot.cameras], wire=robot.wire)
        decisions = InferenceDecisions(policy, builder, BACKBONE_HZ, 0.0, lambda name: None)
        executor = MotionExecutor(robot, names, ExecutorSettings())
        columns = {c.name: [names.index(j) for j in c.joints] for c in robot.controllers if set(c.joints) <= set(names)}
        waiting: list[tuple[int, int, object]] = []  # chunks that are on their way
        images = ticks = 0
        while True:
            ticks += 1
            now = BEGIN + ticks * PERIOD
            state = simulation.tick(now, CONTROLLER_PERIOD)
            builder.joint_states.add(now, simulation.joint_names, state.positions)
            executor.add_joint_states(now, simulation.joint_names, state.positions)
            if ticks % AUDIO_EVERY == 0:
                samples = simulation.listen(round(AUDIO_EVERY * CONTROLLER_PERIOD * SAMPLE_RATE))
                builder.audio.add(now, samples.astype(np.float32) / 32768.0)
            if ticks * CONTROLLER_PERIOD * CAMERA_HZ >= images:
                images += 1
                builder.images.add(simulation.look(), self._kind.of(simulation.draw()))
                if decisions.image_arrived(now, now):
                    self._infer(decisions, now, waiting)
            while waiting and waiting[0][0] <= now:
                for stream, half in heapq.heappop(waiting)[2].streams().items():  # type: ignore[attr-defined]
                    if stream in executor.streams:
                        executor.add_chunk(stream, half)
            if ticks % TICK_EVERY == 0 and ticks * CONTROLLER_PERIOD >= AUDIO_WINDOW_S:
                self._command(executor, columns, now)
            if ticks % TRUTH_EVERY == 0 and (truth := simulation.truth())["outcome"] in FINISHED:
                return truth["outcome"], truth["time_to_reach"]

    def _infer(self, decisions: InferenceDecisions, now: int, waiting: list[tuple[int, int, object]]) -> None:
        try:
            look = decisions.look(now)
            if look is not None:
                start = decisions.keep(look, look.policy.encode(look.observation))
                if start is not None:
                    heapq.heappush(waiting, (now + self._latency, now, start.chunk()))
                    decisions.acted(start)
        except ObservationError:
            pass  # the sound is not there yet
        decisions.finish(now)

    def _command(self, executor: MotionExecutor, columns: dict[str, list[int]], now: int) -> None:
        command = executor.tick(now)
        if command is None:
            return
        for name, motion in command.trajectories.items():
            joints = [executor.joint_names[i] for i in columns[name]]
            offsets = (motion.times - motion.times[0]) / NANOSECONDS
            tables = (motion.positions[:, columns[name]], motion.velocities[:, columns[name]])
            try:
                self._simulation.command_joints(name, now, int(motion.times[0]), joints, offsets, *tables)
            except CommandError as error:
                raise SystemExit(f"the simulation refused a command: {error}") from error
        if command.base.size:
            self._simulation.command_base(now, now, command.base)

    def close(self) -> None:
        self._simulation.close()


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
    parser.add_argument("--latency", type=float, default=0.04, help="[s]")
    parser.add_argument("--json", type=Path, help="figures are added here, line by line")
    args = parser.parse_args(arguments)
    policy = Policy.load(args.policy, load_robot(args.robot))
    for kind in args.kinds:
        trials = Trials(policy, args.robot, kind, args.latency)
        results = [trials.run(args.seed, index) for index in range(args.episodes)]
        trials.close()
        outcomes = [outcome for outcome, _ in results]
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
