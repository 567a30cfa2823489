"""What every simulated robot as a process has: episodes, a voice, a camera, and an end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sim_process import Listener, NodeProcess, simulated_robot
from waiting import wait_until

from neon_control.nodes.processes import free_domain_id

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(180)]
MODULES = {"sim_node": "neon_control.sim.sim_node", "unitree_sim_node": "neon_control.sim.unitree.node"}


@pytest.fixture(params=MODULES)
def robot(request: pytest.FixtureRequest, ros_domain_id: int, tmp_path: Path) -> Iterator[tuple[NodeProcess, Listener]]:
    own = {} if request.param == "sim_node" else {"domain": free_domain_id()}
    with simulated_robot(tmp_path, request.param, MODULES[request.param], ("camera/image_raw",), **own) as pair:
        yield pair


def test_reset_begins_the_next_episode_of_the_seed(robot: tuple[NodeProcess, Listener]) -> None:
    _, listener = robot

    def episode() -> tuple:
        answer = listener.reset()
        assert answer.success
        index = int(answer.message.split()[1])
        wait_until(lambda: listener.truth["index"] == index and listener.truth["seed"] == 5, 5.0, "the episode")
        places = {colour: np.round(place[:2], 3).tolist() for colour, place in listener.truth["cubes"].items()}
        return index, listener.truth["target"], places

    assert listener.set("seed", 5).successful
    first, second = episode(), episode()
    assert (first[0], second[0]) == (0, 1)
    assert first[2] != second[2]
    listener.set("seed", 5)
    assert episode() == first


def test_the_command_can_be_chosen_muted_and_the_camera_blinded(robot: tuple[NodeProcess, Listener]) -> None:
    _, listener = robot
    assert listener.set("colour", "blue").successful
    wait_until(lambda: listener.truth["target"] == "blue" and "blue" in listener.truth["text"], 5.0, "the command")
    refused = listener.set("colour", "green")
    assert not refused.successful
    assert "'green'" in refused.reason

    listener.set("mute", True)
    wait_until(lambda: listener.truth["text"] == "", 5.0, "silence")
    assert listener.truth["target"] == "blue"

    listener.set("blind", True)
    wait_until(lambda: not np.frombuffer(listener.newest["camera/image_raw"].data, np.uint8).any(), 5.0, "a black image")
    listener.set("blind", False)
    wait_until(lambda: np.frombuffer(listener.newest["camera/image_raw"].data, np.uint8).any(), 5.0, "an image")


def test_it_ends_quickly_and_cleanly_on_sigint(robot: tuple[NodeProcess, Listener]) -> None:
    process, _ = robot
    code, seconds = process.interrupt()
    print(f"ended {seconds:.2f} s after SIGINT")
    assert code == 0
    assert seconds < 3.0
    assert "Traceback" not in process.log.read_text()


@pytest.mark.parametrize("module", MODULES.values())
def test_a_wrong_parameter_is_a_clear_refusal(module: str, ros_domain_id: int, tmp_path: Path) -> None:
    process = NodeProcess(tmp_path / "log", module, robot_config="nowhere.yaml")
    assert process.process.wait(60.0) == 1
    assert "no such file: nowhere.yaml" in process.log.read_text()
    assert "Traceback" not in process.log.read_text()
