"""Unitree's DDS between two processes of this computer."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from dds_domain import claimed_domain
from waiting import wait_until

from neon_control.core.common.errors import ConfigError
from neon_control.robots.unitree.channel import ARM_SDK, LOOPBACK, LOW_STATE, Channel, configuration
from neon_control.robots.unitree.messages import LowCmd, LowState
from neon_control.robots.unitree.packed import LOW_CMD
from neon_control.robots.unitree.packed import LOW_STATE as STATE_LAYOUT

# Another process: writes commands until its input ends, and answers a state with its tick on its output.
PEER = """
import select, sys, time
from neon_control.robots.unitree.channel import ARM_SDK, LOW_STATE, Channel
from neon_control.robots.unitree.messages import LowCmd, LowState
channel = Channel("lo", int(sys.argv[1]))
writer, reader = channel.writer(ARM_SDK, LowCmd), channel.reader(LOW_STATE, LowState)
message = LowCmd(mode_machine=5)
message.motor_cmd[15].q = 0.75
while not select.select([sys.stdin], [], [], 0.02)[0]:
    writer.write(message)
    for state in reader.take():
        print(state.tick, round(state.motor_state[28].q, 3), flush=True)
channel.close()
"""


@pytest.fixture
def domain() -> Iterator[int]:
    with claimed_domain() as claimed:
        yield claimed


@pytest.fixture
def channel(domain: int) -> Iterator[Channel]:
    made = Channel(LOOPBACK, domain)
    yield made
    made.close()


@pytest.fixture
def peer(domain: int) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([sys.executable, "-c", PEER, str(domain)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        if process.poll() is None:
            process.kill()


@pytest.mark.system
def test_bytes_that_were_packed_once_arrive_as_a_message_object_and_back(channel: Channel, peer: subprocess.Popen[str]) -> None:
    reader, writer = channel.reader(ARM_SDK, LowCmd, raw=True, depth=8), channel.writer(LOW_STATE, LowState)
    state = STATE_LAYOUT.make()
    state.fields["tick"], state.fields["motor_state"]["q"][28] = 77, -0.5
    received: list[bytes] = []

    def both() -> bool:
        received.extend(reader.take())
        writer.write(state.to_wire())
        return bool(received) and writer.readers == 1

    wait_until(both, 20.0, "a command, and a reader of ours")
    assert LOW_CMD.read(received[0]).fields["motor_cmd"]["q"][15] == 0.75
    assert peer.stdout is not None and peer.stdout.readline().split() == ["77", "-0.5"]


@pytest.mark.system
def test_another_writer_of_a_topic_is_seen_with_its_process_and_gone_when_it_ends(channel: Channel, peer: subprocess.Popen[str]) -> None:
    own = channel.writer(ARM_SDK, LowCmd)
    own.write(LowCmd())
    reader = channel.reader(ARM_SDK, LowCmd, raw=True)
    assert channel.publishers(ARM_SDK) == [] and channel.others == 0

    wait_until(lambda: reader.writers == 1 and channel.others == 1, 20.0, "the other process")
    wait_until(lambda: [found.process for found in channel.publishers(ARM_SDK)] == [str(peer.pid)], 20.0, "its name")
    assert peer.stdin is not None
    peer.stdin.close()
    wait_until(lambda: reader.writers == 0 and channel.publishers(ARM_SDK) == [], 20.0, "its end")


@pytest.mark.system
def test_a_domain_is_left_and_joined_again_in_one_process(domain: int) -> None:
    for _ in range(2):
        made = Channel(LOOPBACK, domain)
        made.writer(ARM_SDK, LowCmd).write(LowCmd())
        made.close()


def test_an_interface_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ConfigError, match=r"network_interface must be one of this computer's \[.*'lo'.*\], got 'eth_robot'"):
        Channel("eth_robot", 0)


def test_loopback_alone_goes_without_multicast() -> None:
    assert "AllowMulticast" in configuration("lo") and "127.0.0.1" in configuration("lo")
    assert "AllowMulticast" not in configuration("eth0") and 'name="eth0"' in configuration("eth0")
    assert "Interfaces" not in configuration("")
