"""What was commanded is read once: training's targets and `evaluate`'s recorded actions are the same, whatever the bag holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from bag_writer import START, BagWriter, header, image, joint_state, make, position_command, trajectory, twist
from hypothesis import given, settings
from hypothesis import strategies as st
from many_joints import write_robot

from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.robot_file import load_robot
from neon_control.evaluation.recorded_day import RecordedDay
from neon_control.recordings import commands
from neon_control.recordings.bag.bag_file import Bag
from neon_control.recordings.bag_scan import Scan
from neon_control.recordings.damaged_bag import ReadableBag
from neon_control.recordings.reading import Report

DT = 0.02  # [s]
SECONDS = 3.0
TOPIC = "arm_controller/joint_trajectory"
Messages = list[tuple[float, str, Any]]  # receive time [s], topic, message


@pytest.fixture(scope="module")
def robot(tmp_path_factory: pytest.TempPathFactory) -> Robot:
    """Three joints on a base, one controller."""
    return load_robot(write_robot(tmp_path_factory.mktemp("robot"), 3))


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory() as name:
        yield Path(name)


def space_of(robot: Robot) -> ActionSpace:
    return ActionSpace.from_robot(robot, "arms_only")


def measured(names: tuple[str, ...], later: float = 0.0) -> Messages:
    """Joint states at 100 Hz, all joints on one wave."""
    return [(t, "joint_states", joint_state(t, names, 0.1 * np.sin([3.0 * t] * len(names)))) for t in 0.01 * np.arange(301) + later]


def both(
    path: Path, robot: Robot, messages: Messages, recorder_ahead: float = 0.0, states: Messages | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Training's targets, NaN where they are masked, and evaluate's recorded actions (T, N), every 10 ms of a bag with such messages."""
    space, moving = space_of(robot), measured(tuple(robot.joints)) if states is None else states
    pictures = [(0.1 * i, "camera/image_raw", image(0.1 * i, np.zeros((2, 2, 3), np.uint8))) for i in range(31)]
    with BagWriter(path) as bag:
        for received, topic, message in sorted([*moving, *pictures, *messages], key=lambda m: m[0]):
            bag.write(topic, received + recorder_ahead, message)
    times = START + np.round(np.arange(0.0, SECONDS, 0.01) * 1e9).astype(np.int64)
    with ReadableBag(path, Report()) as readable:
        learnt, mask = Scan(readable, robot.recording, space).targets.at(times, DT)
    with Bag(path) as bag_file:
        recorded = RecordedDay(bag_file, robot).actions(space, times, DT)
    return np.where(mask[:, None] > 0.0, learnt, np.nan), recorded


def at(actions: np.ndarray, *times: float) -> np.ndarray:
    """Rows of what `both` gives."""
    return actions[[round(100 * t) for t in times]]


def wave(time: float) -> float:
    return float(np.sin(2.0 * np.pi * time))


def stream_of_trajectories(robot: Robot, stamped: bool) -> Messages:
    """Ten points 20 ms apart, sent every 200 ms: joint 0 follows a wave."""
    names = tuple(robot.joints)
    return [
        (t, TOPIC, trajectory(t if stamped else None, names, *((0.02 * i, [wave(t + 0.02 * i), 0.0, 0.0]) for i in range(1, 11))))
        for t in np.arange(15) * 0.2
    ]


@pytest.mark.parametrize("stamped", [True, False])
def test_every_point_of_a_trajectory_counts(robot: Robot, folder: Path, stamped: bool) -> None:
    """`evaluate` once read the first point only: 0.0392 rad from what was commanded."""
    learnt, recorded = both(folder / "bag", robot, stream_of_trajectories(robot, stamped))

    np.testing.assert_allclose(recorded, learnt, atol=1e-6)
    times = np.arange(0.3, 2.7, 0.01)
    assert at(recorded, *times)[:, 0] == pytest.approx([wave(t) for t in times], abs=0.002), "but for the chords between points"


def test_a_base_that_hears_nothing_stops(robot: Robot, folder: Path) -> None:
    """It once drove on in `evaluate`."""
    sent = [
        (t, "cmd_vel", make("geometry_msgs/msg/TwistStamped", header(t), twist(0.4, 0.0, 0.1))) for t in (0.0, 0.1, 2.5, 2.6)
    ]  # silence from 0.1 to 2.5 s
    learnt, recorded = both(folder / "bag", robot, sent)

    np.testing.assert_allclose(recorded, learnt, atol=1e-6)
    assert at(recorded, 0.05, 0.5, 1.0, 2.0, 2.55)[:, 3] == pytest.approx([0.4, 0.4, 0.0, 0.0, 0.4])


def test_a_trajectory_that_is_replaced_on_its_way_counts_until_then(robot: Robot, folder: Path) -> None:
    names = tuple(robot.joints)
    sent = [(0.0, TOPIC, trajectory(0.0, names, (0.0, [0.0] * 3), (2.0, [2.0] * 3)))]
    sent += [(1.0, TOPIC, trajectory(1.0, names, (1.0, [0.0] * 3)))]
    learnt, recorded = both(folder / "bag", robot, sent)

    np.testing.assert_allclose(recorded, learnt, atol=1e-6)
    assert at(recorded, 0.5, 1.0, 1.5, 2.0)[:, 0] == pytest.approx([0.5, 1.0, 0.5, 0.0])


def test_positions_without_a_time_count_from_when_they_were_received(robot: Robot, folder: Path) -> None:
    sent = [(0.1 * i, TOPIC, position_command([0.1 * i, 0.0, 1.0])) for i in range(31)]
    learnt, recorded = both(folder / "bag", robot, sent)

    np.testing.assert_allclose(recorded, learnt, atol=1e-6)
    assert at(recorded, 0.25, 1.5)[:, 0] == pytest.approx([0.25, 1.5])


def test_without_commands_it_is_what_was_measured_one_step_later_and_the_base_stands_still(robot: Robot, folder: Path) -> None:
    learnt, recorded = both(folder / "bag", robot, [])

    np.testing.assert_allclose(recorded, learnt, atol=1e-6)
    assert at(recorded, 1.0)[0] == pytest.approx([*(0.1 * np.sin([3.0 * (1.0 + DT)] * 3)), 0.0, 0.0, 0.0])


def test_joints_that_are_measured_in_several_messages_stand_in_too(robot: Robot, folder: Path) -> None:
    names = tuple(robot.joints)
    learnt, recorded = both(folder / "bag", robot, [], states=[*measured(names[:1]), *measured(names[1:], later=0.004)])

    np.testing.assert_allclose(recorded, learnt, atol=1e-6)
    assert at(recorded, 1.0)[0, :3] == pytest.approx(0.1 * np.sin([3.0 * (1.0 + DT)] * 3), abs=1e-5)


def test_joints_that_no_command_names_are_measured_beside_those_that_one_does(robot: Robot, folder: Path) -> None:
    first, *_ = robot.joints
    learnt, recorded = both(folder / "bag", robot, [(0.1 * i, TOPIC, trajectory(None, (first,), (0.0, [0.5]))) for i in range(31)])

    np.testing.assert_allclose(recorded, learnt, atol=1e-6)
    assert at(recorded, 1.0)[0, :2] == pytest.approx([0.5, 0.1 * np.sin(3.0 * (1.0 + DT))])


def test_a_part_of_the_joints_is_refused_and_said(robot: Robot, folder: Path) -> None:
    names = tuple(robot.joints)
    sent = [(0.1 * i, TOPIC, trajectory(None, names, (0.0, [0.5] * 3))) for i in range(31)]
    sent += [(1.05, TOPIC, trajectory(None, names[:1], (0.0, [9.0])))]
    learnt, recorded = both(folder / "bag", robot, sent)

    np.testing.assert_allclose(recorded, learnt, atol=1e-6)
    assert at(recorded, 1.05)[0, 0] == 0.5
    with Bag(folder / "bag") as bag:
        problems = RecordedDay(bag, robot).report.problems
    assert [(p.where, p.time, p.what[:28]) for p in problems] == [(f"bag /{TOPIC}", 1.05, "command refused: 1 joints ['")]


def test_what_was_stamped_before_time_was_reset_does_not_count(robot: Robot, folder: Path) -> None:
    names = tuple(robot.joints)
    sent = [(0.1 * i, TOPIC, trajectory(0.1 * i, names, (0.0, [0.5] * 3))) for i in range(31)]
    sent += [(2.0, TOPIC, trajectory(1.0, names, (0.0, [9.0] * 3)))]
    learnt, recorded = both(folder / "bag", robot, sent)

    np.testing.assert_allclose(recorded, learnt, atol=1e-6)
    assert np.nanmax(recorded[:, 0]) == pytest.approx(0.5)


def test_a_recorder_on_another_clock_moves_what_has_no_stamp(robot: Robot, folder: Path) -> None:
    learnt, recorded = both(folder / "ahead", robot, stream_of_trajectories(robot, stamped=False), recorder_ahead=5.0)
    _, plain = both(folder / "plain", robot, stream_of_trajectories(robot, stamped=False))

    np.testing.assert_allclose(recorded, learnt, atol=1e-6)
    np.testing.assert_allclose(recorded, plain, atol=1e-6)


def test_the_base_is_heard_on_the_topic_of_the_robot_file_and_else_on_that_of_our_nodes(robot: Robot, folder: Path) -> None:
    renamed = replace(robot, recording=replace(robot.recording, base="drive/velocity"))
    sent = [(0.1 * i, "cmd_vel", twist(0.2, 0.0, 0.0)) for i in range(31)]
    learnt, recorded = both(folder / "bag", renamed, sent)

    np.testing.assert_allclose(recorded, learnt, atol=1e-6)
    assert at(recorded, 1.0)[0, 3] == pytest.approx(0.2)


arrivals = st.lists(st.integers(0, 299), min_size=1, max_size=12, unique=True)


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_training_and_evaluate_agree_on_any_commands(robot: Robot, data: st.DataObject) -> None:
    names, finite = tuple(robot.joints), st.floats(-3.0, 3.0)
    positions = st.lists(finite, min_size=3, max_size=3)
    sent: Messages = []
    for tick in data.draw(arrivals):
        points = [(0.01 * after, data.draw(positions)) for after in data.draw(st.lists(st.integers(0, 90), max_size=4))]  # may not rise
        some = data.draw(st.sampled_from([names, names[::-1], names[:2]]))
        stamp = data.draw(st.sampled_from([None, 0.01 * tick, max(0.0, 0.01 * tick - 0.9)]))
        sent.append((0.01 * tick, TOPIC, trajectory(stamp, some, *((after, p[: len(some)]) for after, p in points))))
    for tick in data.draw(arrivals):
        sent.append((0.01 * tick, "cmd_vel", twist(*data.draw(st.tuples(finite, finite, finite)))))

    with TemporaryDirectory() as folder:
        learnt, recorded = both(Path(folder) / "bag", robot, sent)

    np.testing.assert_allclose(recorded, learnt, atol=1e-6)


def test_the_two_are_told_apart_when_one_is_read_otherwise(robot: Robot, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the tests above would do if `evaluate` read the first point of a trajectory only, as it once did."""
    whole = commands._positions

    def first_point_only(*given: Any) -> tuple[Any, ...]:
        joints, after, values = whole(*given)
        return joints, after[:1], values[:1]

    begin = RecordedDay.__init__

    def read_otherwise(*given: Any) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(commands, "_positions", first_point_only)
            begin(*given)

    monkeypatch.setattr(RecordedDay, "__init__", read_otherwise)
    learnt, recorded = both(folder / "bag", robot, stream_of_trajectories(robot, stamped=True))

    assert np.nanmax(np.abs(recorded - learnt)) > 0.05
