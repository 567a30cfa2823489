"""What the joints do behind a trajectory controller, in virtual time: a few cells of test/benchmarks/controller_sweep.py."""

from __future__ import annotations

import numpy as np
import pytest
from controller_sweep import activated_late
from virtual_controller import ACCELERATION, NAMES, TARGET_ACCELERATION, TARGET_VELOCITY, Cell, Floor, Message, OneMotion, Run


@pytest.mark.parametrize(
    "cell",
    [
        pytest.param(Cell(200, 200, from_desired_state=True), id="equal-rates-desired"),
        pytest.param(Cell(100, 100, lag=0.05), id="equal-rates-slow-motors"),
        pytest.param(Cell(100, 200, from_desired_state=True), id="100-200-desired"),
        pytest.param(Cell(100, 500, lag=0.02), id="100-500-lag"),
        pytest.param(Cell(100, 1000, lag=0.05), id="100-1000-slow-motors"),
        pytest.param(Cell(200, 500), id="200-500"),
        pytest.param(Cell(500, 200), id="500-200"),
        pytest.param(Cell(100, 100, jitter=0.002), id="equal-rates-jitter"),
        pytest.param(Cell(200, 200, from_desired_state=True, lag=0.02, jitter=0.006), id="200-200-much-jitter"),
        pytest.param(Cell(100, 1000, lag=0.02, jitter=0.006), id="100-1000-much-jitter"),
    ],
)
def test_set_points_and_joints_keep_the_limits(cell: Cell) -> None:
    """Set points always. Joints as well, but for what jitter of the controller's own cycles does to motors that lag, whatever is sent:
    a set point that is held for longer than its neighbours is approached further. `Floor` measures that.
    """
    figures = Run(cell).figures()
    assert figures.following > 0.95  # it is a motion that is judged
    assert figures.joints[0] > 0.8  # at the limits
    assert figures.set_points[0] <= TARGET_VELOCITY
    assert figures.set_points[1] <= TARGET_ACCELERATION
    floor = Floor(cell).figures().joints
    assert figures.joints[0] <= max(TARGET_VELOCITY, 1.1 * floor[0])
    assert figures.joints[1] <= max(TARGET_ACCELERATION, 1.1 * floor[1])


@pytest.mark.parametrize("cell", [Cell(100, 200), Cell(100, 1000, lag=0.05), Cell(200, 200, True, lag=0.02, jitter=0.006)], ids=repr)
def test_when_the_executor_dies_the_joints_brake_within_their_limits_to_rest(cell: Cell) -> None:
    figures = Run(cell, death=2.0).figures()
    assert figures.braking == pytest.approx(1.0, abs=1e-3)
    assert figures.rest < 1e-3


@pytest.mark.parametrize("cell", [Cell(100, 200), Cell(100, 1000), Cell(100, 100, from_desired_state=True)], ids=repr)
def test_a_controller_that_is_activated_in_the_ramp_moves_no_joint_too_fast(cell: Cell) -> None:
    assert activated_late(cell).joints[0] <= TARGET_VELOCITY


class Unstamped(Run):
    """One motion within the limits in messages without a stamp: the next point, due in one period, and the point of rest."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.motion = OneMotion(0.0, self.plan, self.death + 2.0)

    def tick(self, now: int, skipped: int) -> Message:
        self.ticks += 1
        positions, velocities = self.motion.at(now + self.executor_period)
        seconds = max((np.abs(velocities) / ACCELERATION).max(), 1e-3)
        offsets = np.array([self.executor.period, self.executor.period + seconds])
        rows = np.vstack((positions, positions + 0.5 * seconds * velocities)), np.vstack((velocities, np.zeros(len(NAMES))))
        return 0, offsets, *rows


@pytest.mark.parametrize(
    ("cell", "velocity", "acceleration"),
    [
        (Cell(100, 200, from_desired_state=True), 1.26, 21.0),
        (Cell(100, 1000, from_desired_state=True), 1.91, 200.0),
        (Cell(100, 200, lag=0.02), 3.2, 173.0),
        (Cell(100, 500, lag=0.02), 11.6, 1600.0),
        (Cell(100, 1000, lag=0.02), 29.0, 6500.0),
    ],
)
def test_the_model_finds_what_ros2_control_does_with_messages_without_a_stamp(cell: Cell, velocity: float, acceleration: float) -> None:
    """Figures of set points, found by others beside ros2_control's own controller: what the simulation must not be kinder than."""
    assert Unstamped(cell).figures().set_points == pytest.approx((velocity, acceleration), rel=0.05)
