"""Robots with any number of joints, as files."""

from __future__ import annotations

from pathlib import Path

import yaml


def write_robot(folder: Path, joints: int) -> Path:
    """A robot file and its URDF: one arm of `joints` joints with one controller, on a base."""
    names = [f"joint_{i}" for i in range(joints)]
    limit = '<limit lower="-2" upper="2" effort="1" velocity="10"/>'
    elements = "".join(
        f'<link name="{n}"/><joint name="{n}" type="revolute"><parent link="root"/><child link="{n}"/>{limit}</joint>' for n in names
    )
    (folder / f"arm_{joints}.urdf").write_text(f'<robot name="arm"><link name="root"/>{elements}</robot>')
    file = folder / f"arm_{joints}.yaml"
    description = {
        "name": f"arm_{joints}",
        "urdf": f"arm_{joints}.urdf",
        "groups": {"arm": names},
        "parts": {"arms": ["arm"]},
        "limits": {"position_margin": 0.0, "groups": {"arm": {"velocity_scale": 0.3, "max_acceleration": 15.0}}},
        "base": {
            "max_velocity": {"vx": 0.5, "vy": 0.5, "yaw_rate": 1.0},
            "max_acceleration": {"vx": 3.0, "vy": 3.0, "yaw_rate": 6.0},
        },
        "controllers": {"arm_controller": {"topic": "arm_controller/joint_trajectory", "joints": ["arm"]}},
    }
    file.write_text(yaml.safe_dump(description, sort_keys=False))
    return file
