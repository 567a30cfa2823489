"""Our driver of a Unitree G1 against the stand-in, by the stand-in's own log of what it received."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import unitree_wire
from unitree_figures import BASE, HELD, figure
from unitree_rig import DRIVER, EXECUTOR, PLAYER, START, UnitreeRig
from unitree_rules import MOST_WEIGHT_STEP, check_messages, given_back, lateness, stands

from neon_control.core.robot.robot_file import load_robot
from neon_control.monitor.controls import ExecutorControls
from neon_control.robots.unitree import channel, messages
from neon_control.robots.unitree.channel import Channel
from neon_control.robots.unitree.motors import MODELS, PLACES
from neon_control.sim.unitree.log import Log
from neon_control.sim.unitree.robot import Taken
from neon_control.sim.unitree.sport import SET_STATE, SET_VELOCITY, STAND_UP

pytestmark = [pytest.mark.system, pytest.mark.alone, pytest.mark.slow, pytest.mark.timeout(300)]
WITHIN = 3.0  # [s] the arms are the robot's own again
SHOULDER, ELBOW = "left_shoulder_pitch_joint", "right_elbow_joint"
MOVE = {SHOULDER: -0.25, ELBOW: 0.3}  # [rad]


@pytest.fixture
def rig(ros_domain_id: int, tmp_path: Path) -> Iterator[UnitreeRig]:
    with UnitreeRig(ros_domain_id, tmp_path) as made:
        yield made


def engage(rig: UnitreeRig, driver: dict[str, Any] | None = None, **robot: Any) -> None:
    """Robot and driver, which has the arms; they start side by side."""
    rig.start_robot(wait=False, **robot)
    rig.start_driver(**(driver or {}))
    rig.wait(lambda: rig.weight() == 1.0, "the arms", START)


def move(rig: UnitreeRig) -> None:
    """A motion of both arms, at its end."""
    wanted = {joint: rig.joints[joint] + offset for joint, offset in MOVE.items()}
    told = float("-inf")

    def there() -> bool:
        nonlocal told
        # Again where it was not heard, and no sooner than it is over: a motion that begins anew all the time stays within its friction.
        if time.monotonic() - told > 2.0:
            told = time.monotonic()
            rig.to(wanted, 0.5)
        return all(abs(rig.joints[joint] - q) < 0.1 for joint, q in wanted.items())

    rig.wait(there, "the end of the motion", START)


def test_nothing_is_sent_before_lowstate_and_then_arms_are_taken_and_moved_within_the_limits(rig: UnitreeRig) -> None:
    rig.start_robot(faults__lowstate_stopped=True)
    rig.start_driver()
    rig.wait(lambda: "lowstate" in rig.link.statuses[DRIVER].message if DRIVER in rig.link.statuses else False, "what it waits for", START)
    assert not len(rig.log().rows)
    rig.set("faults.lowstate_stopped", False)
    rig.wait(lambda: rig.weight() == 1.0, "the arms", START)
    move(rig)
    ended = rig.send_signal(DRIVER, signal.SIGINT)
    rig.wait(lambda: given_back(rig.log(), ended) < START, "the arms back", START)
    check_messages(rig.log())


def test_the_bytes_are_those_of_the_table_by_a_second_reader(rig: UnitreeRig) -> None:
    rig.start_robot()
    listener = Channel("lo", rig.wire)
    heard = listener.reader(channel.ARM_SDK, messages.LowCmd, raw=True, depth=5000)
    rig.start_driver()
    rig.wait(lambda: rig.weight() == 1.0, "the arms", START)
    found = heard.take()
    listener.close()
    assert len(found) > 100
    for data in found[:: len(found) // 50]:
        command = unitree_wire.decode(data, unitree_wire.LOW_CMD)
        assert command["crc"] == unitree_wire.crc(unitree_wire.c_struct(data, unitree_wire.LOW_CMD))
        assert command["mode_machine"] == 5
        motors = command["motor_cmd"]
        assert 0.0 <= motors[29]["q"] <= 1.0
        assert [i for i in range(35) if motors[i]["kp"]] == list(range(12, 29))
        assert all(motors[i]["mode"] == 1 for i in range(12, 29))
        assert not any(motors[i][name] for i in range(12) for name in ("q", "dq", "tau", "kp", "kd"))
    by_cyclone = messages.LowCmd.deserialize(found[-1])
    assert [motor["q"] for motor in command["motor_cmd"]][:12] == [motor.q for motor in by_cyclone.motor_cmd][:12]


@pytest.mark.parametrize("model", ["23", "27"])
def test_a_model_with_fewer_joints_is_never_told_of_those_it_lacks(rig: UnitreeRig, model: str) -> None:
    rig.start_robot(model=model)
    rig.start_driver()

    def answered() -> bool:
        """The arms are taken, or it is said why not."""
        return rig.weight() == 1.0 or "no motor" in (rig.link.statuses[DRIVER].message if DRIVER in rig.link.statuses else "")

    rig.wait(answered, "an answer", START)
    rows = rig.log().rows
    print(f"{len(rows)} messages; {rig.link.statuses[DRIVER].message if DRIVER in rig.link.statuses else 'nothing said'}")
    absent = list(MODELS[model].absent)
    assert not rows["kp"][:, absent].any()
    assert not rows["q"][:, absent].any()


def test_a_robot_of_23_joints_is_driven_by_its_own_robot_file(rig: UnitreeRig) -> None:
    robot = {"robot_config": "g1_23.yaml"}
    rig.start_executor(**robot)
    rig.start_player("g1_23.yaml")
    engage(rig, robot, model="23", **robot)
    rig.wait(lambda: rig.link.value(EXECUTOR, "state") == "running", "the executor", START)
    assert set(rig.joints) == set(MODELS["23"].joints)
    begin = dict(rig.joints)
    rig.wait(lambda: abs(rig.joints["left_elbow_joint"] - begin["left_elbow_joint"]) > 0.1, "a motion", START)
    ended = rig.send_signal(DRIVER, signal.SIGINT)
    rig.wait(lambda: given_back(rig.log(), ended) < START, "the arms back", START)
    absent = list(MODELS["23"].absent)
    check_messages(rig.log(), absent=absent)
    rows = rig.log().rows
    assert not rows["kp"][:, absent].any() and not rows["q"][:, absent].any()


def check_given_back(rig: UnitreeRig, begin: int, why: str, ignored: Collection[Taken] = ()) -> None:
    """By all rules, and in time; what this computer was late is not the driver's."""
    log = rig.log()
    took, late = given_back(log, begin), lateness(log, begin)
    figure(why, took, late)
    check_messages(log, ignored=ignored)
    assert took - late < WITHIN


def deactivate(rig: UnitreeRig) -> int:
    begin = rig.now()
    assert rig.activate(False)
    return begin


# The beginnings of rows in the table of docs/g1.md, and how each comes about.
ENDS: dict[str, Callable[[UnitreeRig], int]] = {
    "lowstate silent": lambda rig: rig.set("faults.lowstate_stopped", True),
    "ten within a second": lambda rig: rig.set("faults.lowstate_crc_wrong", True),
    "`mode_machine`": lambda rig: rig.set("faults.mode_machine", 4),
    "a motor reports error bits": lambda rig: rig.set("faults.motor_error", 1),
    "a motor above": lambda rig: rig.set("faults.motor_temperature", 140),
    "the robot's machine is not": lambda rig: rig.sport(SET_STATE, {"data": STAND_UP}),
    "the remote's stop": lambda rig: rig.set("faults.remote", "L2+B"),
    "SIGINT": lambda rig: rig.send_signal(DRIVER, signal.SIGINT),
    "SIGTERM": lambda rig: rig.send_signal(DRIVER, signal.SIGTERM),
    "deactivation": deactivate,
}


@pytest.mark.parametrize("end", ENDS)
def test_arms_are_the_robots_own_again_after(rig: UnitreeRig, end: str) -> None:
    engage(rig)
    begin = ENDS[end](rig)
    rig.wait(lambda: given_back(rig.log(), begin) < START, "the arms back", START)
    check_given_back(rig, begin, end, {Taken.WRONG_MODE_MACHINE} if "mode_machine" in end else ())


def test_an_arm_that_meets_something_gets_softer_and_is_given_back(rig: UnitreeRig) -> None:
    engage(rig)
    rig.set("faults.motor_stuck", True)  # of the left shoulder's pitch
    begin, place = rig.now(), PLACES[SHOULDER]
    rig.to({SHOULDER: rig.joints[SHOULDER] - 1.0}, 1.0)
    rig.wait(lambda: given_back(rig.log(), begin) < START and rig.log().rows["weight"][-1] == 0.0, "the arms back", START)
    rows = rig.log().rows
    away = np.abs(rows["q"][:, place] - rows["measured"][:, place]) > 0.5  # [rad] the default limit
    assert away.any()
    check_given_back(rig, int(rows["taken"][np.argmax(away)]), "a joint further than")
    stiffness = rows["kp"][rows["weight"] > 0.0][:, place]
    assert stiffness.max() == 60.0 and stiffness.min() == pytest.approx(0.3 * 60.0), "softer, and never limp"


def test_a_writer_that_is_silent_gets_the_arms_and_a_second_robot_does(rig: UnitreeRig) -> None:
    engage(rig)
    arms, robots = ("another program could", channel.ARM_SDK, messages.LowCmd), ("two robots publish", channel.LOW_STATE, messages.LowState)
    for row, topic, kind in (arms, robots):
        begin = rig.now()
        other = Channel("lo", rig.wire)
        writer = other.writer(topic, kind)
        rig.wait(lambda begin=begin: 0.0 < given_back(rig.log(), begin) < START, "the arms back", START)
        check_given_back(rig, begin, row)
        del writer
        other.close()
        rig.wait(lambda: rig.weight() == 1.0, "the arms, taken anew", START)


def test_a_second_writer_gets_the_arms_alone(rig: UnitreeRig) -> None:
    engage(rig)
    ours = rig.log().rows["writer"][0]
    begin = rig.set("faults.second_writer", True)

    def of_ours() -> Any:
        rows = rig.log().rows
        return rows[rows["writer"] == ours]

    rig.wait(lambda: of_ours()["weight"][-1] == 0.0, "our weight 0", START)
    rows = of_ours()
    took = (rows["taken"][rows["weight"] != 0.0][-1] - begin) / 1e9
    late = lateness(Log(rows, []), begin)
    figure("another program writes", took, late)
    assert took - late < WITHIN


def walk(rig: UnitreeRig, seconds: float = 1.0) -> int:
    """Until it has done so for a while; when the last velocity was sent [ns]."""
    sent: list[int] = []

    def walked() -> bool:
        sent.append(rig.drive((-0.2, 0.0, 0.0)))
        walking = [event["t"] for event in rig.log().named("motion") if event["base"][0] < -0.15]
        return bool(walking) and walking[-1] - walking[0] > seconds * 1e9

    rig.wait(walked, "the base's motion", START)
    return sent[-1]


def later(rig: UnitreeRig, since: int, seconds: float = 2.0) -> None:
    """Wait until the robot has gone on for so long."""
    rig.wait(lambda: rig.log().named("motion")[-1]["t"] > since + seconds * 1e9, f"{seconds:g} s", START)


def test_a_driver_that_is_killed_leaves_the_weight_and_the_next_one_takes_the_arms_without_a_jump(rig: UnitreeRig) -> None:
    engage(rig)
    walk(rig)
    killed = rig.send_signal(DRIVER, signal.SIGKILL)
    later(rig, killed)
    assert rig.weight() == 1.0  # the stand-in keeps it; nobody has tried what the robot does
    figure("**SIGKILL", (took := stands(rig.log(), killed)), what=BASE)
    assert 0.0 < took < 0.5
    before = len(rig.log().rows)
    rig.start_driver()

    def handed_over() -> bool:
        weights = rig.log().rows["weight"][before:]
        return bool(len(weights) and weights.min() == 0.0 and weights[-1] == 1.0)

    rig.wait(handed_over, "the arms, given back and taken again", START)
    log = rig.log()
    assert len(set(log.rows["writer"].tolist())) == 2
    assert np.abs(np.diff(log.rows["weight"].astype(float))).max() <= MOST_WEIGHT_STEP + 1e-6
    assert not log.named("trip")


def test_the_base_stops_soon_after_the_last_command(rig: UnitreeRig) -> None:
    engage(rig)
    sent = walk(rig)
    later(rig, sent)
    log = rig.log()
    asked = [event for event in log.named("request") if event["api_id"] == SET_VELOCITY and any(json.loads(event["parameter"])["velocity"])]
    figure("no commands at all", (took := stands(log, sent)), what=BASE)
    print(f"the last of {len(asked)} velocities was {asked[-1]['parameter']}")
    assert 0.0 < took < 0.5
    assert len({event["id"] for event in log.named("request")}) == len(log.named("request"))
    assert {event["code"] for event in log.named("request")} == {0}


@pytest.fixture
def whole(rig: UnitreeRig) -> UnitreeRig:
    """Robot, driver, executor and chunks, started side by side as by a launch file: the arms move."""
    rig.start_executor()
    rig.start_player()
    engage(rig)
    rig.wait(lambda: rig.link.value(EXECUTOR, "state") == "running", "the executor", START)
    return rig


def test_an_e_stop_gives_the_arms_back(whole: UnitreeRig) -> None:
    controls = ExecutorControls(whole.link, START)
    controls.estop()
    begin = whole.now()
    whole.wait(lambda: given_back(whole.log(), begin) < START, "the arms back", START)
    check_given_back(whole, begin, "e-stop of the executor")
    figure("e-stop of the executor", (took := stands(whole.log(), begin)), what=BASE)
    assert took < 1.0


def check_held(rig: UnitreeRig, row: str, stopped: int) -> None:
    """The arms are held where they are, and the base stands, two seconds after an instant [ns] and on."""

    def held() -> Any:
        rows = rig.log().rows
        return rows[rows["sent"] > stopped + 2_000_000_000]

    rig.wait(lambda: len(held()) > 50, "messages two seconds later", START)
    last = held()
    figure(row, (int(last["sent"][-1]) - stopped) / 1e9, what=HELD)
    assert (last["weight"] == 1.0).all()
    assert (abs(last["q"] - last["q"][0]) < 1e-3).all()
    assert stands(rig.log(), stopped + 1_000_000_000) == 0.0
    check_messages(rig.log())


def test_arms_are_held_when_no_more_chunks_come(whole: UnitreeRig) -> None:
    whole.send_signal(PLAYER, signal.SIGKILL)
    whole.wait(lambda: whole.link.value(EXECUTOR, "state") not in ("running", "ramping"), "the executor's stop", START)
    check_held(whole, "no chunks", whole.now())


def test_arms_are_held_when_the_executor_is_killed(whole: UnitreeRig) -> None:
    check_held(whole, "no commands at all", whole.send_signal(EXECUTOR, signal.SIGKILL))


# --- arms and base of a robot that balances ---


def test_the_base_stands_while_both_arms_reach_far(rig: UnitreeRig) -> None:
    engage(rig, {"reach_radius": 0.1})  # [m] the shoulders alone are further out
    begin = rig.now()
    rig.wait(lambda: rig.drive((-0.2, 0.0, 0.0)) > begin + 2_000_000_000, "two seconds", START)
    asked = [json.loads(event["parameter"]) for event in rig.log().named("request") if event["api_id"] == SET_VELOCITY]
    assert not [parameter for parameter in asked if any(parameter["velocity"])]


def test_arms_are_slow_while_the_base_walks(rig: UnitreeRig) -> None:
    scale = 0.2
    engage(rig, {"walking_velocity_scale": scale})
    begin = walk(rig)
    far = rig.joints[SHOULDER] - 0.6
    rig.to({SHOULDER: far}, 0.1)

    def there() -> bool:
        rig.drive((-0.1, 0.0, 0.0))
        return abs(rig.joints[SHOULDER] - far) < 0.1

    rig.wait(there, "the end of the motion", START)
    rows = rig.log().rows
    rows = rows[rows["sent"] > begin]
    limit = load_robot("g1.yaml").joints[SHOULDER].max_velocity
    speed = float(np.abs(np.diff(rows["q"][:, PLACES[SHOULDER]].astype(float))).max()) * 250.0 / limit
    print(f"fastest target of an arm {speed:.3f} of its limit, base at {rig.log().named('motion')[-1]['base'][0]} m/s")
    assert 0.9 * scale < speed <= 1.001 * scale
