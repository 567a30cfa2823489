"""A G1's arms: how they are taken, moved, and given back whatever happens."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from g1_bench import ARM, ROBOT, Bench

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.robot_file import load_robot
from neon_control.robots.unitree.driver import Driver, arm_controllers, hand_controllers, left_alone
from neon_control.robots.unitree.engagement import State
from neon_control.robots.unitree.motors import ARMS, MODELS, PLACES, WAIST, WEIGHT
from neon_control.robots.unitree.packed import LOW_CMD
from neon_control.robots.unitree.problem import Problem
from neon_control.robots.unitree.section import Section
from neon_control.robots.unitree.settings import MOST_WEIGHT_STEP, DriverSettings

ELBOW = "left_elbow_joint"
DRIVEN = [*WAIST, *ARMS]


def held_always(bench: Bench) -> None:
    """What may never be otherwise, of all messages."""
    steps = np.diff(bench.weights, prepend=0.0)
    assert np.abs(steps).max() <= MOST_WEIGHT_STEP + 1e-6
    assert all(message.crc_is_right for message in bench.sent)
    for message in bench.sent:
        motors = message.fields["motor_cmd"]
        assert (motors["kp"][motors["mode"] == 1] > 0.0).all() and (motors["kd"][motors["mode"] == 1] > 0.0).all()
    limits = {joint: ROBOT.joints[joint].max_velocity for joint in ARM.joints}
    for joint, limit in limits.items():
        assert np.abs(np.diff(bench.q(joint))).max(initial=0.0) <= limit * bench.period * 1e-9 * 1.0001


def test_nothing_is_sent_before_lowstate() -> None:
    bench = Bench()
    bench.silent = True
    bench.run(5.0)

    assert bench.sent == [] and bench.driver.engagement.state is State.WAITING
    assert bench.driver.engagement.problem is not None and bench.driver.engagement.problem.cause == "lowstate"


def test_the_arms_are_taken_from_the_measured_pose_with_a_weight_from_zero_to_one() -> None:
    bench = Bench()
    bench.measured[PLACES[ELBOW]] = 0.7
    bench.engage()

    assert bench.weights[0] == 0.0 and bench.weights[-1] == 1.0
    assert (np.diff(bench.weights) >= 0.0).all()
    np.testing.assert_allclose(bench.q(ELBOW), 0.7, atol=1e-6)
    held_always(bench)


def test_the_arms_are_not_taken_before_nothing_was_wrong_for_a_while() -> None:
    bench = Bench()
    bench.run(0.9)
    assert bench.sent == []
    bench.run(0.2)
    assert bench.sent != []


@pytest.mark.parametrize("rate", [50.0, 250.0, 500.0])
def test_the_weight_takes_its_time_at_every_rate(rate: float) -> None:
    bench = Bench(DriverSettings(rate_hz=rate))
    bench.engage()

    assert np.count_nonzero(bench.weights < 1.0) == pytest.approx(2.0 * rate, abs=2)
    held_always(bench)


def test_a_first_time_with_a_small_weight_stays_there() -> None:
    bench = Bench(DriverSettings(max_weight=0.1))
    bench.engage()
    bench.run(1.0)

    assert bench.weights.max() == pytest.approx(0.1)


def test_a_message_says_what_the_robot_is_and_drives_arms_and_waist_alone() -> None:
    bench = Bench()
    bench.state.fields["mode_pr"] = 1
    bench.engage()
    fields = bench.sent[-1].fields
    motors = fields["motor_cmd"]

    assert fields["mode_machine"] == 5 and fields["mode_pr"] == 1
    assert np.flatnonzero(motors["mode"]).tolist() == DRIVEN
    assert motors["kp"][PLACES[ELBOW]] == 60.0 and motors["kp"][PLACES["left_wrist_roll_joint"]] == 40.0 and motors["kp"][12] == 240.0
    assert not motors["kp"][:12].any() and motors["q"][WEIGHT] == 1.0


def test_a_trajectory_is_followed_and_its_end_held() -> None:
    bench = Bench()
    bench.engage()
    bench.send({ELBOW: 0.6}, 1.0)
    bench.run(1.1)
    reached = len(bench.sent)
    bench.run(1.0)

    assert bench.q(ELBOW)[reached - 1] == pytest.approx(0.6, abs=1e-6)
    assert bench.q(ELBOW)[-1] == pytest.approx(0.6, abs=1e-6)
    assert bench.sent[-1].fields["motor_cmd"]["dq"][PLACES[ELBOW]] == 0.0
    held_always(bench)


def test_a_trajectory_that_is_too_fast_is_followed_at_the_velocity_limit_and_counted() -> None:
    bench = Bench()
    bench.engage()
    bench.send({ELBOW: 1.2}, 0.004)
    bench.run(1.0)

    assert bench.driver.targets is not None and bench.driver.targets.limited.sum() > 10
    assert bench.q(ELBOW)[-1] == pytest.approx(1.2, abs=1e-6)
    held_always(bench)


def test_a_trajectory_out_of_range_ends_inside() -> None:
    bench = Bench()
    bench.engage()
    bench.send({ELBOW: 9.0}, 1.0)
    bench.run(4.0)

    assert bench.q(ELBOW)[-1] == pytest.approx(ROBOT.joints[ELBOW].safe_upper, abs=1e-6)
    held_always(bench)


def test_a_pose_outside_the_range_is_held_where_it_is() -> None:
    bench = Bench()
    outside = ROBOT.joints[ELBOW].safe_upper + 0.015
    bench.measured[PLACES[ELBOW]] = outside
    bench.engage()
    bench.run(1.0)

    np.testing.assert_allclose(bench.q(ELBOW), outside, atol=1e-5)


# --- faults ---


def lose_lowstate(bench: Bench) -> None:
    bench.silent = True


def damage(bench: Bench) -> None:
    bench.crc = 12345


def another_model(bench: Bench) -> None:
    bench.state.fields["mode_machine"] = 4


def motor_error(bench: Bench) -> None:
    bench.state.fields["motor_state"]["motorstate"][3] = 0x40  # of a leg, whose motors count, too


def over_temperature(bench: Bench) -> None:
    bench.state.fields["motor_state"]["temperature"][20] = (60, 101)


def obstacle(bench: Bench) -> None:
    bench.stuck = True
    bench.measured[PLACES[ELBOW]] -= 0.6


def outside(cause: str, latched: bool) -> Callable[[Bench], None]:
    def happen(bench: Bench) -> None:
        bench.outside = [None, Problem(cause, "found by somebody else", latched)]

    return happen


# What happens, the cause that is told, and whether somebody has to call ~/engage afterwards.
FAULTS = [
    (lose_lowstate, "lowstate", False),
    (damage, "crc", True),
    (another_model, "mode_machine", True),
    (motor_error, "motor_error", True),
    (over_temperature, "temperature", True),
    (obstacle, "tracking_error", True),
    (outside("writers", True), "writers", True),
    (outside("not_standing", False), "not_standing", False),
    (outside("estop", False), "estop", False),
]


@pytest.mark.parametrize(("happen", "cause", "latched"), FAULTS)
def test_every_fault_gives_the_arms_back_within_three_seconds(happen: Callable[[Bench], None], cause: str, latched: bool) -> None:
    bench = Bench()
    bench.engage()
    bench.send({ELBOW: 1.0}, 1.0)  # in the midst of a motion
    bench.run(0.3)
    happen(bench)
    before = len(bench.sent)
    bench.run(3.0)

    assert bench.weights_now == 0.0
    assert bench.driver.engagement.problem is not None
    assert bench.driver.engagement.state is (State.FAULT if latched else State.WAITING)
    assert State.RELEASING in bench.states
    first = next(i for i in range(before, len(bench.sent)) if bench.weights[i] < 1.0)
    assert (np.diff(bench.weights[first:]) <= 0.0).all(), "the weight only goes down"
    assert cause == bench.driver.engagement.problem.cause
    held_always(bench)


@pytest.mark.parametrize(("happen", "cause", "latched"), FAULTS)
def test_after_a_fault_nothing_is_sent_and_only_those_that_end_by_themselves_are_over_by_themselves(
    happen: Callable[[Bench], None], cause: str, latched: bool
) -> None:
    bench = Bench()
    bench.engage()
    happen(bench)
    bench.run(3.0)
    sent = len(bench.sent)
    bench.run(2.0)
    assert len(bench.sent) == sent

    bench.silent, bench.crc, bench.outside, bench.stuck = False, None, [], False  # mended
    bench.state.fields["mode_machine"], bench.state.fields["motor_state"]["motorstate"] = 5, 0
    bench.state.fields["motor_state"]["temperature"] = 40
    bench.run(3.2)
    assert (bench.driver.engagement.state is State.ENGAGED) is not latched

    if latched:
        bench.driver.engage()
        bench.run(3.2)
        assert bench.driver.engagement.state is State.ENGAGED
    held_always(bench)


def test_arms_that_move_come_to_rest_while_they_are_given_back() -> None:
    bench = Bench()
    bench.engage()
    bench.send({ELBOW: 1.5}, 0.6)
    bench.run(0.3)
    speed = (bench.q(ELBOW)[-1] - bench.q(ELBOW)[-2]) * 250.0
    bench.outside = [Problem("estop", "pressed")]
    bench.step(100)
    after = np.diff(bench.q(ELBOW)[-101:]) * 250.0

    assert speed > 2.0
    assert after[-1] == 0.0 and (np.diff(after) <= 1e-6).all(), "it only gets slower"
    assert np.abs(np.diff(after)).max() <= ROBOT.joints[ELBOW].max_acceleration / 250.0 + 1e-3


def test_an_obstacle_makes_the_arms_less_stiff_and_never_limp() -> None:
    bench = Bench()
    bench.engage()
    obstacle(bench)
    bench.run(1.0)
    motors = bench.sent[-1].fields["motor_cmd"]

    assert motors["kp"][PLACES[ELBOW]] == pytest.approx(0.3 * 60.0) and motors["kd"][PLACES[ELBOW]] == 1.5
    assert motors["q"][PLACES[ELBOW]] == pytest.approx(bench.measured[PLACES[ELBOW]], abs=1e-6)
    held_always(bench)


def test_a_moment_of_a_tracking_error_is_none() -> None:
    bench = Bench()
    bench.engage()
    obstacle(bench)
    bench.run(0.2)
    bench.measured[PLACES[ELBOW]] += 0.6
    bench.run(1.0)

    assert bench.driver.engagement.state is State.ENGAGED


def test_one_damaged_message_is_refused_and_the_arms_go_on() -> None:
    bench = Bench()
    bench.engage()
    bench.crc = 1
    bench.step()
    bench.crc = None
    bench.run(1.0)

    assert bench.driver.engagement.state is State.ENGAGED and bench.driver.watch.counts["wrong_crc"] == 1


def test_a_driver_that_was_held_up_goes_on_where_it_was() -> None:
    bench = Bench()
    bench.engage()
    bench.send({ELBOW: 1.5}, 0.6)
    bench.run(0.2)
    bench.now += 80_000_000  # [ns]
    bench.run(1.0)

    assert bench.q(ELBOW)[-1] == pytest.approx(1.5, abs=1e-6)
    held_always(bench)


def test_the_clock_of_the_commands_may_be_another_one_and_be_set() -> None:
    bench = Bench()
    bench.engage()
    bench.ahead = 7 * 10**9
    bench.send({ELBOW: 1.0}, 1.0)
    bench.run(0.4)
    bench.ahead += 10**9  # somebody sets it
    bench.run(1.0)

    assert bench.driver.engagement.state is State.ENGAGED and bench.q(ELBOW)[-1] == pytest.approx(1.0, abs=1e-6)
    held_always(bench)


def test_released_on_request_it_stays_so_until_it_is_asked_again() -> None:
    bench = Bench()
    bench.engage()
    bench.driver.engagement.release(Problem("asked", "~/release"))
    bench.run(5.0)
    assert bench.driver.engagement.state is State.RELEASED and bench.driver.engagement.idle and bench.weights_now == 0.0

    bench.driver.engage()
    bench.run(3.2)
    assert bench.driver.engagement.state is State.ENGAGED
    held_always(bench)


def test_after_a_defect_the_weight_still_goes_down() -> None:
    bench = Bench()
    bench.engage()
    weights = []
    while (data := bench.driver.last_resort()) is not None:
        message = LOW_CMD.read(data)
        assert message.crc_is_right
        weights.append(float(message.fields["motor_cmd"]["q"][WEIGHT]))

    assert weights[-1] == 0.0 and len(weights) == pytest.approx(1.5 * 250, abs=1)
    assert max(-np.diff(weights)) <= MOST_WEIGHT_STEP


# --- what a driver that was killed leaves behind ---


def test_a_weight_that_was_left_is_lowered_from_there_at_the_measured_pose_before_the_arms_are_taken() -> None:
    bench = Bench()
    bench.measured[PLACES[ELBOW]] = 0.7
    bench.driver.engagement.inherit(0.8)
    bench.step(5)
    assert bench.weights[0] == pytest.approx(0.8) and bench.driver.engagement.problem is not None
    assert bench.driver.engagement.problem.cause == "left"
    np.testing.assert_allclose(bench.q(ELBOW), 0.7, atol=1e-6)

    bench.run(4.5)
    lowest = int(np.argmin(bench.weights))
    assert bench.weights[lowest] == 0.0 and (np.diff(bench.weights[: lowest + 1]) <= 0.0).all()
    assert np.abs(np.diff(bench.weights)).max() <= MOST_WEIGHT_STEP
    assert bench.driver.engagement.state is State.ENGAGED


def test_it_is_lowered_whatever_else_is_wrong_but_not_before_the_robot_hears() -> None:
    bench = Bench()
    bench.driver.engagement.inherit(1.0)
    bench.outside = [Problem("listener", "nobody reads"), Problem("not_standing", "it sits")]
    bench.step()
    assert bench.sent == []

    bench.outside = bench.outside[1:]
    bench.run(2.0)
    assert bench.weights[0] == 1.0 and bench.weights_now == 0.0 and bench.driver.engagement.state is State.WAITING


def test_it_is_lowered_also_by_a_driver_that_is_not_to_take_the_arms() -> None:
    bench = Bench()
    bench.driver.engagement.inherit(1.0)
    bench.driver.engagement.release(Problem("asked", "engage_on_start is false"))
    bench.outside = [Problem("listener", "nobody reads yet")]
    bench.step(3)
    assert bench.driver.engagement.state is State.RELEASED

    bench.outside = []
    bench.run(2.0)
    assert bench.weights[0] == 1.0 and bench.weights_now == 0.0 and bench.driver.engagement.state is State.RELEASED


def test_a_weight_that_is_somebody_elses_now_is_left_alone() -> None:
    bench = Bench()
    bench.driver.engagement.inherit(1.0)
    bench.outside = [Problem("writers", "another program writes", latched=True)]
    bench.run(1.0)
    bench.outside = []
    bench.run(1.0)

    assert bench.sent == []


# --- models ---


def test_a_locked_waist_is_not_driven() -> None:
    bench = Bench(mode_machine=6)
    bench.engage()

    assert np.flatnonzero(bench.sent[-1].fields["motor_cmd"]["mode"]).tolist() == [12, *ARMS]
    assert [c.name for c in bench.driver.controllers] == ["arm_controller"]
    assert bench.driver.without_motor == {"torso_controller": ["waist_roll_joint", "waist_pitch_joint"]}


def test_a_robot_file_of_29_joints_is_refused_by_a_robot_of_23() -> None:
    bench = Bench(mode_machine=4)
    bench.run(5.0)

    assert bench.sent == [] and bench.driver.engagement.problem is not None
    assert bench.driver.engagement.problem.cause == "model" and "left_wrist_pitch_joint" in bench.driver.engagement.problem.text


@pytest.mark.parametrize("mode_machine", MODELS["23"].modes)
def test_a_robot_of_23_joints_is_driven_by_the_file_for_it(mode_machine: int) -> None:
    robot = load_robot("g1_23.yaml")
    bench = Bench(mode_machine=mode_machine, robot=robot)
    bench.engage()
    bench.send({ELBOW: 0.6}, 1.0, robot.controllers[0].joints)
    bench.run(1.1)
    motors = bench.sent[-1].fields["motor_cmd"]

    assert bench.driver.without_motor == {} and [c.name for c in bench.driver.controllers] == ["arm_controller", "torso_controller"]
    assert motors["q"][PLACES[ELBOW]] == pytest.approx(0.6, abs=1e-6)
    assert np.flatnonzero(motors["mode"]).tolist() == [place for place in DRIVEN if place not in MODELS["23"].absent]
    assert not motors["q"][list(MODELS["23"].absent)].any() and not motors["kp"][list(MODELS["23"].absent)].any()
    held_always(bench)


def test_a_file_of_23_joints_for_a_robot_of_29_holds_the_other_joints_where_they_are() -> None:
    bench = Bench(robot=load_robot("g1_23.yaml"))
    bench.engage()
    bench.send({ELBOW: 0.6}, 1.0, bench.robot.controllers[0].joints)
    bench.run(1.1)
    motors = bench.sent[-1].fields["motor_cmd"]

    assert np.flatnonzero(motors["mode"]).tolist() == DRIVEN
    np.testing.assert_allclose(motors["q"][list(MODELS["23"].absent)], 0.1, atol=1e-6)


def test_a_model_that_nobody_knows_has_to_be_named() -> None:
    unknown, named = Bench(mode_machine=77), Bench(DriverSettings(model="29"), mode_machine=77)
    unknown.run(5.0)
    named.engage()

    assert unknown.sent == [] and unknown.driver.engagement.problem is not None and "set `model`" in unknown.driver.engagement.problem.text


def test_a_model_that_is_another_than_the_one_named_is_refused() -> None:
    bench = Bench(DriverSettings(model="29"), mode_machine=4)
    bench.run(5.0)

    assert bench.sent == [] and bench.driver.engagement.state is State.FAULT


def test_legs_are_left_alone_and_may_not_be_mixed_with_arms() -> None:
    mixed = dataclasses.replace(ROBOT, controllers=(dataclasses.replace(ARM, joints=(*ARM.joints, "left_knee_joint")),))

    assert [c.name for c in left_alone(ROBOT)] == ["leg_controller"]
    assert [c.name for c in arm_controllers(ROBOT)] == ["arm_controller", "torso_controller"]
    assert hand_controllers(ROBOT, "left") == ()
    with pytest.raises(ConfigError, match=r"arm_controller drives arms and waist, and may not drive \['left_knee_joint'\]"):
        arm_controllers(mixed)
    with pytest.raises(ConfigError, match="no controller drives any of the joints"):
        Driver(dataclasses.replace(ROBOT, controllers=()), Section(), DriverSettings())
