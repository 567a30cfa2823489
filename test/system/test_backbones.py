"""The inference node with a backbone of each family: a real process, a real model of that architecture, real topics."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from inference_harness import make_policy, running_node, synthetic_robot
from tiny_backbones import TINY
from waiting import wait_until

from neon_control.core.sensing.image_buffer import Clip
from neon_control.runtime.encoders.model_folder import describe_model

pytestmark = [pytest.mark.system, pytest.mark.patient, pytest.mark.slow, pytest.mark.timeout(300)]

START_LIMIT = 200.0  # [s] torch and transformers alone take 10 s to import, and on a busy machine a minute


def write_policy(folder: Path, family: str) -> tuple[str, ...]:
    """A random policy whose backbone lies in a folder of its own below the policy's; returns its joints."""
    TINY[family](folder / "backbone")
    text = "" if family == "vjepa2" else "reach the red cube"
    spec = describe_model("backbone", folder, clip=Clip(4, 10.0), instruction=text, audio=family == "qwen2_5_omni")
    scratch = folder.with_name("scratch") / folder.name
    space = make_policy(scratch, use_audio=False, vision=spec)
    shutil.copytree(scratch, folder, dirs_exist_ok=True)
    return space.joint_names


@pytest.mark.parametrize("family", TINY)
def test_the_node_publishes_chunks_from_clips(family: str, ros_domain_id: int, tmp_path: Path) -> None:
    folder = tmp_path / "policy"
    joints = write_policy(folder, family)
    with running_node(tmp_path / "log", policy=folder, device="cpu") as node, synthetic_robot(joints, size=(120, 160)) as robot:
        wait_until(lambda: node.process.poll() is not None or len(robot.joint_chunks) >= 3, START_LIMIT, "three chunks")
        assert len(robot.joint_chunks) >= 3, "the node ended"
        chunks = robot.joint_chunks[:3]
        positions = np.array([[p.positions for p in c.points] for c in chunks])
        assert positions.shape == (3, 16, 14) and np.isfinite(positions).all()
        assert np.ptp(positions, axis=0).max() > 0.0, "other images, other chunks"
        stamps = [c.header.stamp.sec * 10**9 + c.header.stamp.nanosec for c in chunks]
        assert set(stamps) <= set(robot.image_stamps) and (np.diff(stamps) > 0).all()
        assert stamps[0] >= robot.image_stamps[0] + 250_000_000, "the first chunk waits until the clip's 0.3 s are filled"
        assert "libtorch" in Path(f"/proc/{node.process.pid}/maps").read_text()
        code, _ = node.interrupt()
        assert code == 0 and "Traceback" not in node.output


def test_a_flipped_byte_in_the_backbone_ends_the_process_with_the_reason(ros_domain_id: int, tmp_path: Path) -> None:
    folder = tmp_path / "policy"
    write_policy(folder, "vjepa2")
    weights = folder / "backbone" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    with running_node(tmp_path / "log", policy=folder, device="cpu") as node:
        assert node.process.wait(START_LIMIT) == 1
        assert "model.safetensors is corrupt or was changed: its SHA-256 is" in node.output and "Traceback" not in node.output
