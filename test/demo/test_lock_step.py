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


def drive(policy: Policy, robot: Robot, latency: float = 0.04) -> Notes:
    notes = Notes()
    trial = LockStep(policy, robot, (64, 48), latency, hand=notes)
    trial.begin(3, 1)
    while trial.seconds < SECONDS:
        trial.step()
    trial.close()
    assert trial.now == BEGIN + round(SECONDS * 200) * 5_000_000
    return notes


def test_the_same_arguments_give_the_same_motion_and_the_hand_sees_all_of_it(policy: Policy, robot: Robot) -> None:
    first, second = drive(policy, robot), drive(policy, robot)
    assert np.array_equal(first.measured, second.measured) and len(first.measured) == round(100 * SECONDS)
    assert len(first.images) == pytest.approx(15 * SECONDS, abs=1) and first.images[0][1].shape == (48, 64, 3)
    assert sum(map(len, first.sounds)) == pytest.approx(16000 * SECONDS, abs=320)
    assert first.leaders[0] == NOBODY and first.leaders[-1] == POLICY
    times = [seconds for seconds, _ in first.commands]
    assert times[0] >= 2.0 and np.allclose(np.diff(times), 0.01)
    late = drive(policy, robot, latency=0.2)
    assert not np.array_equal(first.measured, late.measured), "the latency counts"
