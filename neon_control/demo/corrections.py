"""The expert watches a policy in the simulation, takes over when it is about to fail, and gives back; everything is recorded.

He leads as a person does: with the button and targets that `executor.takeover` is given, through the same ramps and limits. He takes over

- when a hand is nearly at another cube than the one that is asked for (`WRONG` metres), and nearer to it than to that one;
- when the hands have come no nearer for a while (`PATIENCE`), or, of a task that has no distance, when it is not done by then;
- when most of the trial's time is gone (`LATE`),

and gives back once what is asked for is reached and has stayed so for `STAYED`, a moment before the trial counts as a success.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neon_control.core.control.command import Command
from neon_control.core.control.executor import POLICY, TAKEOVER
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.topic_names import COMMANDER, EPISODE_STATE
from neon_control.demo.lock_step import BEGIN, Hand, LockStep
from neon_control.recordings.bag.bag_file import OUTCOME_KEY, TAKEOVERS_KEY
from neon_control.recordings.episode import FAILURE, IDLE, RECORDING, SUCCESS, Episode
from neon_control.runtime.policy.policy import Policy
from neon_control.sim.demonstration import CONTROL_PERIOD
from neon_control.sim.demonstration_bag import EpisodeRecorder
from neon_control.sim.description import load_description
from neon_control.sim.episode import LIMITS, RADIUS, Outcome
from neon_control.sim.expert import Expert
from neon_control.sim.picking import PickExpert

WRONG = 0.05  # [m] from another cube's surface to a fingertip
PATIENCE = {"reach": 2.5, "pick_place": 9.0}  # [s] without progress
PROGRESS = 0.02  # [m] nearer: that is progress
LATE = 0.7  # of the trial's time
STAYED = 0.4  # [s]
LISTENING = 1.5  # [s] after the command began, before which nobody expects a policy to move
EVERY = 2  # ticks of the executor: a control step of the expert
SOURCE = "expert"  # whose messages they are


@dataclass(frozen=True)
class Trial:
    """What came of one."""

    outcome: Outcome
    marked: str  # as its bag says it: `success` or `failure`
    takeovers: Counter[str]  # by reason
    led: float  # [s] by the expert


class Danger:
    """Says when the policy is about to fail, from the simulation's truth; for one trial."""

    def __init__(self, task: str) -> None:
        self._patience, self._limit = PATIENCE[task], LIMITS[task]
        self._nearest, self._since = math.inf, LISTENING  # [m], [s] of the trial's time: when that was

    def reason(self, truth: dict[str, Any]) -> str:
        """Why to take over now: `wrong_cube`, `distance`, `time`; empty: there is no reason."""
        if truth["outcome"] != Outcome.RUNNING:
            return ""
        distances, elapsed = truth["distances"], truth["elapsed"]
        target = distances[truth["target"]]
        if truth["task"] == "reach" and target < self._nearest - PROGRESS:
            self._nearest, self._since = target, max(elapsed, LISTENING)
        other = min(d for colour, d in distances.items() if colour != truth["target"])
        if other < min(WRONG, target):
            return "wrong_cube"
        if target > RADIUS and elapsed - self._since > self._patience:
            return "distance"
        return "time" if elapsed > LATE * self._limit else ""

    def given_back(self, elapsed: float) -> None:
        """The policy leads again: it has its time anew."""
        self._nearest, self._since = math.inf, elapsed


class Corrector(Hand):
    """The expert as the hand of a `LockStep`, and the recorder of what passes; of one trial after another.

    Attributes:
        reasons: of this trial's takeovers.
        led: [s] by the expert in this trial.
    """

    def __init__(self, robot: Robot, joint_names: tuple[str, ...], task: str) -> None:
        kind = PickExpert if task == "pick_place" else Expert
        self._expert: Expert = kind(robot, joint_names, CONTROL_PERIOD)
        self._task, self._has_base = task, robot.base is not None
        self.recorder: EpisodeRecorder | None = None

    def begin(self, trial: LockStep) -> None:
        self._danger = Danger(self._task)
        self._names, self._columns = trial.simulation.joint_names, self._places(trial)
        self._wanted: np.ndarray | None = None  # (J,) [rad] the expert's targets; None: he does not lead
        self._arrived: float | None = None  # [s] of the trial
        self._positions = np.zeros(len(self._names))
        self._said, self._ticks, self._begun = "", 0, False
        self._words: str | None = None
        self.reasons: Counter[str] = Counter()
        self.led = 0.0

    def image(self, seconds: float, image: np.ndarray) -> None:
        if self.recorder is not None and self._begun:  # before that nothing is commanded: there is nothing to learn
            self.recorder.image(seconds, image)

    def sound(self, seconds: float, samples: np.ndarray) -> None:
        if self.recorder is not None:
            self.recorder.audio(seconds, samples)

    def joints(self, seconds: float, positions: np.ndarray, velocities: np.ndarray) -> None:
        self._positions = positions
        if self.recorder is not None:
            self.recorder.joint_states(seconds, self._names, positions, velocities)

    def lead(self, trial: LockStep) -> None:
        self._ticks += 1
        self._tell(trial)
        if self._ticks % EVERY:
            return
        truth, takeover, now = trial.simulation.truth(), trial.executor.takeover, trial.now
        if self._wanted is None and trial.executor.commander == POLICY and (reason := self._danger.reason(truth)):
            self.reasons[reason] += 1
            self._wanted, self._arrived = self._positions[self._columns].copy(), None
        if self._wanted is None:
            return
        if self._is_done(truth):
            self._wanted = None
            self._danger.given_back(truth["elapsed"])
            takeover.enable(False, SOURCE, now)
            return
        action = self._expert.act(trial.simulation.world, self._wanted, truth["target"])
        self._wanted = action.joints
        takeover.enable(True, SOURCE, now)
        takeover.aim(self._expert.joint_names, self._wanted[None], None, now, SOURCE, now, now)
        if self._has_base:
            x, y, yaw = action.base
            takeover.drive(np.array([x, y, 0.0, 0.0, 0.0, yaw]), now, SOURCE, now, now)
        self.led += CONTROL_PERIOD * (trial.executor.commander == TAKEOVER)

    def command(self, seconds: float, command: Command) -> None:
        self._begun = True
        if self.recorder is not None:
            self.recorder.command(seconds, self._expert.joint_names, command.positions, command.base, (command.due - BEGIN) * 1e-9)

    def _is_done(self, truth: dict[str, Any]) -> bool:
        """Whether the cube was reached, and for long enough."""
        if truth["time_to_reach"] is not None:
            return True
        reached = truth["distances"][truth["target"]] < RADIUS if self._task == "reach" else False
        if not reached:
            self._arrived = None
        elif self._arrived is None:
            self._arrived = truth["elapsed"]
        return self._arrived is not None and truth["elapsed"] - self._arrived >= STAYED

    def _tell(self, trial: LockStep) -> None:
        """Who leads, and what is asked for, when it changes."""
        if self.recorder is None:
            return
        if (said := trial.executor.commander) != self._said:
            self._said = said
            self.recorder.say(COMMANDER, trial.seconds, said)
        if (words := trial.simulation.words) != self._words:
            self._words = words
            self.recorder.instruction(trial.seconds, words)

    def _places(self, trial: LockStep) -> np.ndarray:
        return np.array([trial.simulation.joint_names.index(n) for n in self._expert.joint_names])


class CorrectedTrials:
    """Trials of a policy with the expert at its side, each a bag; one per process, since it owns a renderer."""

    def __init__(self, policy: Policy, robot: Robot, image_size: tuple[int, int]) -> None:
        description = load_description(robot)
        self._corrector = Corrector(robot, policy.file.space.joint_names, description.task)
        self._trial = LockStep(policy, robot, image_size, hand=self._corrector)
        self._frame, self._has_base = description.camera.link, robot.base is not None

    def record(self, path: Path, seed: int, index: int, take: str, task: str) -> Trial:
        """Run episode `index` of the series `seed` and record it into the folder `path`, which must not exist.

        Args:
            take: what the bag says that it is.
            task: what is to be done, in words.
        """
        corrector = self._corrector
        with EpisodeRecorder(path, self._frame, self._has_base, take) as recorder:
            corrector.recorder = recorder
            try:
                recorder.say(EPISODE_STATE, 0.0, Episode(RECORDING, index, task=task).to_json())
                outcome, _ = self._trial.run(seed, index)
                marked = SUCCESS if outcome is Outcome.SUCCESS else FAILURE
                recorder.say(EPISODE_STATE, self._trial.seconds, Episode(IDLE, index, marked, task, outcome.value).to_json())
                recorder.note(OUTCOME_KEY, marked)
                recorder.note(TAKEOVERS_KEY, " ".join(corrector.reasons.elements()))
            finally:
                corrector.recorder = None
        return Trial(outcome, marked, corrector.reasons.copy(), corrector.led)

    def close(self) -> None:
        """Free the camera."""
        self._trial.close()
