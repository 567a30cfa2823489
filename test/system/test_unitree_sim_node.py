"""The stand-in of a Unitree G1 on the wire: what a client of the real one relies on, read and written by a second implementation."""

from __future__ import annotations

import json
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import unitree_wire
from unitree_rig import ROBOT, UnitreeRig
from waiting import wait_until

from neon_control.nodes.processes import node_command
from neon_control.robots.unitree import channel, messages
from neon_control.robots.unitree.channel import Channel
from neon_control.sim.unitree.robot import Taken

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(240)]
PAUSE = threading.Event()
LIMIT = 30.0  # [s] on a busy computer


class Client:
    """A participant that reads LowState as bytes."""

    def __init__(self, wire: int) -> None:
        self.channel = Channel("lo", wire)
        self._states = self.channel.reader(channel.LOW_STATE, messages.LowState, raw=True, depth=500)
        self.commands = self.channel.writer(channel.ARM_SDK, messages.LowCmd)
        self._requests = self.channel.writer(channel.SPORT_REQUEST, messages.Request)
        self._answers = self.channel.reader(channel.SPORT_RESPONSE, messages.Response, depth=50)
        self._id = 0
        self._found: dict[int, Any] = {}
        wait_until(lambda: self.states(), LIMIT, "lowstate")
        wait_until(lambda: self.commands.readers and self._requests.readers, LIMIT, "the robot's readers")

    def states(self) -> list[bytes]:
        return self._states.take()

    def newest(self) -> dict[str, Any]:
        self.states()
        return unitree_wire.decode(wait_until(self.states, LIMIT, "lowstate")[-1], unitree_wire.LOW_STATE)

    def ask(self, interface: int, parameter: str = "") -> tuple[int, str]:
        self._id += 1
        wanted = self._id
        header = messages.RequestHeader(messages.RequestIdentity(wanted, interface))
        self._requests.write(messages.Request(header, parameter))

        def answered() -> Any:
            self._found |= {answer.header.identity.id: answer for answer in self._answers.take()}
            return self._found.get(wanted)

        answer = wait_until(answered, LIMIT, f"an answer to {interface}")
        assert answer.header.identity.api_id == interface
        return answer.header.status.code, answer.data


@pytest.fixture
def rig(ros_domain_id: int, tmp_path: Path) -> Iterator[UnitreeRig]:
    with UnitreeRig(ros_domain_id, tmp_path) as made:
        yield made


@pytest.fixture
def client(rig: UnitreeRig) -> Iterator[Client]:
    rig.start_robot()
    made = Client(rig.wire)
    yield made
    made.channel.close()


def test_lowstate_is_the_same_by_struct_and_by_cyclonedds_and_its_checksum_right_bit_by_bit(client: Client) -> None:
    data = wait_until(client.states, LIMIT, "lowstate")[-1]
    by_struct = unitree_wire.decode(data, unitree_wire.LOW_STATE)
    by_cyclone = messages.LowState.deserialize(data)
    assert by_struct["crc"] == unitree_wire.crc(unitree_wire.c_struct(data, unitree_wire.LOW_STATE)) == by_cyclone.crc
    for name, _, _ in unitree_wire.MOTOR_STATE:
        assert [m[name] for m in by_struct["motor_state"]] == [getattr(m, name) for m in by_cyclone.motor_state], name
    for name, _, _ in unitree_wire.IMU:
        assert by_struct["imu_state"][name] == getattr(by_cyclone.imu_state, name), name
    assert bytes(by_struct["wireless_remote"]) == by_cyclone.wireless_remote
    for name in ("version", "mode_pr", "mode_machine", "tick", "reserve"):
        assert by_struct[name] == getattr(by_cyclone, name), name
    assert by_struct["mode_machine"] == 5
    assert any(motor["q"] for motor in by_struct["motor_state"])


def test_lowstate_comes_all_the_time(client: Client) -> None:
    client.states()
    begin, ticks = time.monotonic(), []
    while len(ticks) < 500 and time.monotonic() - begin < LIMIT:
        states = wait_until(client.states, LIMIT, "lowstate")
        ticks += [struct.unpack_from("<I", data, 4 + 12)[0] for data in states]
    seconds = time.monotonic() - begin
    print(f"{len(ticks) / seconds:.0f} messages of lowstate a second; between two {np.percentile(np.diff(ticks), [50, 99])} ms (p50, p99)")
    assert np.diff(ticks).min() >= 0
    assert len(ticks) / seconds > 20.0  # on whatever computer


def test_arms_follow_messages_with_a_right_checksum_and_no_others(rig: UnitreeRig, client: Client) -> None:
    held = [motor["q"] for motor in client.newest()["motor_state"][:29]]
    shoulder = held[15]
    for k in range(101):
        client.commands.write(unitree_wire.low_cmd(k / 100, held, 60.0, 1.5, 5))
        rig.wait(lambda: True, "nothing")
        PAUSE.wait(0.02)
    rig.wait(lambda: rig.weight() == 1.0, "the whole weight")
    client.commands.write(unitree_wire.low_cmd(0.0, held, 60.0, 1.5, 5, wrong=1))
    client.commands.write(unitree_wire.low_cmd(0.0, held, 60.0, 1.5, 4))
    rig.wait(lambda: rig.robot["ignored"] == 2, "messages that are ignored")
    assert rig.weight() == 1.0
    assert client.newest()["motor_state"][15]["q"] == pytest.approx(shoulder, abs=0.05)
    log = rig.log()
    assert log.rows["outcome"].tolist() == [Taken.APPLIED] * 101 + [Taken.WRONG_CRC, Taken.WRONG_MODE_MACHINE]
    assert np.allclose(log.rows["q"][0], held)
    client.commands.write(unitree_wire.low_cmd(0.0, held, 60.0, 1.5, 5))  # at once: too fast for the robot, if it moves the arms far
    rig.wait(lambda: rig.weight() == 0.0, "the arms given back")


def test_a_target_that_jumps_trips_the_safe_mode(rig: UnitreeRig, client: Client) -> None:
    far = [0.5] * 29
    client.commands.write(unitree_wire.low_cmd(1.0, far, 60.0, 1.5, 5))
    rig.wait(lambda: rig.robot["trips"] == 1, "the safe mode")
    assert client.ask(7001) == (0, '{"data": 1}')
    assert rig.weight() == 0.0
    assert "rad/s" in rig.wait(lambda: rig.log().named("trip"), "the log")[0]["reason"]


def test_the_sport_service_answers_each_request_once_and_under_its_id(rig: UnitreeRig, client: Client) -> None:
    assert client.ask(7001) == (0, '{"data": 500}')
    assert client.ask(7105, '{"velocity":[-0.2,0,0],"duration":1.0}') == (0, "")
    walked = rig.wait(lambda: [e for e in rig.log().named("motion") if e["base"][0] < -0.15], "the base's motion")
    stood = rig.wait(lambda: [e for e in rig.log().named("motion") if e["t"] > walked[-1]["t"] and abs(e["base"][0]) < 0.01], "the stop")
    print(f"stood {(stood[0]['t'] - rig.log().named('request')[-1]['t']) / 1e9:.2f} s after the request, of 1.0 s")
    assert client.ask(7101, '{"data": 3}') == (7302, "")
    assert client.ask(7101, '{"data": 1}') == (0, "")
    assert client.ask(7105, '{"velocity":[0.2,0,0]}') == (7301, "")
    assert client.ask(7106, "{}") == (3203, "")
    ids = [e["id"] for e in rig.log().named("request")]
    assert ids == sorted(set(ids))


def test_faults_come_and_go(rig: UnitreeRig, client: Client) -> None:
    rig.set("faults.lowstate_crc_wrong", True)

    def right() -> bool:
        data = wait_until(client.states, LIMIT, "lowstate")[-1]
        return struct.unpack("<I", data[-4:])[0] == unitree_wire.crc(unitree_wire.c_struct(data, unitree_wire.LOW_STATE))

    rig.wait(lambda: not right(), "a wrong checksum")
    rig.set("faults.lowstate_crc_wrong", False)
    rig.wait(right, "a right checksum")

    rig.set("faults.motor", 18)
    rig.set("faults.motor_error", 2)
    rig.set("faults.motor_temperature", 120)
    rig.set("faults.mode_machine", 4)
    rig.set("faults.remote", "L2+B")
    rig.wait(lambda: client.newest()["wireless_remote"][2:4] == [1 << 5, 1 << 1], "the keys")
    state = client.newest()
    assert (state["motor_state"][18]["motorstate"], state["motor_state"][18]["temperature"][1], state["mode_machine"]) == (2, 120, 4)

    rig.set("faults.second_writer", True)
    rig.wait(lambda: client.channel.publishers(channel.ARM_SDK), "the second writer")
    rig.wait(lambda: len(rig.log().rows) > 5, "its messages")
    rig.set("faults.second_writer", False)
    rig.wait(lambda: not client.channel.publishers(channel.ARM_SDK), "its end")

    stopped = rig.set("faults.lowstate_stopped", True)
    sent = rig.log().named("motion")[-1]["low_states"]
    rig.wait(lambda: rig.log().named("motion")[-1]["t"] > stopped + 500_000_000, "half a second")
    assert rig.log().named("motion")[-1]["low_states"] <= sent + 50
    rig.set("faults.lowstate_stopped", False)
    wait_until(client.states, LIMIT, "lowstate again")


def test_the_scene_is_the_simulated_robots(rig: UnitreeRig, client: Client) -> None:
    assert {"cubes", "target", "outcome", "images_sent"} <= set(rig.truth)
    before = rig.truth["images_sent"]
    rig.wait(lambda: rig.truth["images_sent"] > before, "a picture")


def test_fingers_move_where_there_are_any(rig: UnitreeRig) -> None:
    rig.start_robot(hands=True)
    wire = Channel("lo", rig.wire)
    states = wire.reader(channel.HAND_STATE.format(side="right"), messages.HandState)
    commands = wire.writer(channel.HAND_COMMAND.format(side="right"), messages.HandCmd)
    wait_until(states.take, LIMIT, "the hand's state")

    def moved() -> bool:
        commands.write(messages.HandCmd([messages.MotorCmd(i | 16, 0.5, kp=1.0, kd=0.1) for i in range(7)]))
        heard = states.take()
        return bool(heard) and all(abs(motor.q - 0.5) < 0.02 for motor in heard[-1].motor_state)

    wait_until(moved, LIMIT, "the fingers")
    wire.close()


def test_it_ends_cleanly_and_refuses_what_there_is_not(ros_domain_id: int, tmp_path: Path) -> None:
    with UnitreeRig(ros_domain_id, tmp_path) as rig:
        rig.start_robot()
        codes = rig.group.stop()
        assert codes == {ROBOT: 0}
        assert "Traceback" not in rig.group.log_file(ROBOT).read_text()
        assert json.loads((tmp_path / "wire" / "events.jsonl").read_text().splitlines()[0])["event"] == "begin"
    with UnitreeRig(ros_domain_id, tmp_path) as rig:
        rig.group.start(ROBOT, node_command("neon_control.sim.unitree.node", None, {"network_interface": "nowhere0"}))
        rig.wait(lambda: "must be one of this computer's" in rig.group.log_file(ROBOT).read_text(), "the refusal")
