import numpy as np
import pytest

from neon_control.core.control.executor import NOBODY, POLICY
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.robot_file import load_robot
from neon_control.demo.lock_step import BEGIN, Hand, LockStep
from neon_control.runtime.policy.policy import Policy

SECONDS = 2.6  # [s] the executor decides from 2.0 on


@pytest.fixture(scope="module")
def robot() -> Robot:
    return load_robot("g1.yaml")


@pytest.fixture(scope="module")
def policy(robot: Robot) -> Policy:
    return Policy.load("g1_reach", robot)


class Notes(Hand):
    """Counts what it is shown, and keeps who led and where the joints were."""

    def begin(self, trial: LockStep) -> None:
        self.images, self.sounds, self.commands = [], [], []
        self.leaders: list[str] = []
        self.measured: list[np.ndarray] = []

    def image(self, seconds, image) -> None:
        self.images.append((seconds, image.copy()))

    def sound(self, seconds, samples) -> None:
        self.sounds.append(samples)

    def joints(self, seconds, positions, velocities) -> None:
        self.measured.append(positions.copy())

    def lead(self, trial: LockStep) -> None:
        self.leaders.append(trial.executor.commander)

    def command(self, seconds, command) -> None:
        self.commands.append((seconds, command.positions))


def drive(trial: LockStep, notes: Notes, index: int = 1) -> tuple[list[np.ndarray], list[float]]:
    """Where the joints were, and when something was commanded."""
    trial.begin(3, index)
    while trial.seconds < SECONDS:
        trial.step()
    assert trial.now == BEGIN + round(SECONDS * 200) * 5_000_000
    return notes.measured, [seconds for seconds, _ in notes.commands]


def test_the_same_trial_is_the_same_motion_whatever_was_before_and_the_hand_sees_all_of_it(policy: Policy, robot: Robot) -> None:
    notes = Notes()
    trial = LockStep(policy, robot, (64, 48), hand=notes)
    first, times = drive(trial, notes)
    assert len(first) == round(100 * SECONDS) and times[0] >= 2.0 and np.allclose(np.diff(times), 0.01)
    assert len(notes.images) == pytest.approx(15 * SECONDS, abs=1) and notes.images[0][1].shape == (48, 64, 3)
    assert sum(map(len, notes.sounds)) == pytest.approx(16000 * SECONDS, abs=320)
    assert notes.leaders[0] == NOBODY and notes.leaders[-1] == POLICY
    other, _ = drive(trial, notes, index=2)
    again, _ = drive(trial, notes)
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    trial.close()


def test_a_chunk_that_comes_later_makes_another_motion(policy: Policy, robot: Robot) -> None:
    notes = Notes()
    motions = []
    for latency in (0.04, 0.2):
        trial = LockStep(policy, robot, (64, 48), latency, hand=notes)
        motions.append(drive(trial, notes)[0])
        trial.close()
    assert not np.array_equal(*motions)
