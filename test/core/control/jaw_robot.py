"""A small robot for tests: an arm of two joints, and a gripper of one, in radians or in metres."""

from __future__ import annotations

from pathlib import Path

import yaml

JOINT = """<link name="{child}"/><joint name="{name}" type="{kind}"><parent link="{parent}"/><child link="{child}"/>
<origin xyz="0 0 0.1"/><axis xyz="0 0 1"/><limit lower="{lower}" upper="{upper}" velocity="{velocity}" effort="5"/></joint>"""
ARM = ("j1", "j2")
GRIPPERS = {"jaw": ("revolute", 0.9, 2.0), "finger": ("prismatic", 0.04, 0.1)}  # type, end of the range [rad or m], velocity [1/s]


def jaw_robot(folder: Path, gripper: dict[str, object] | None, joint: str = "jaw", **sections: object) -> Path:
    """Write URDF and robot file; `gripper`: the fields of its section, None: a group like any other."""
    kind, upper, velocity = GRIPPERS[joint]
    chain = [("j1", "l1", "base", "revolute", -2, 2, 2), ("j2", "l2", "l1", "revolute", -2, 2, 2)]
    chain.append((joint, "jaw_link", "l2", kind, 0, upper, velocity))
    fields = ("name", "child", "parent", "kind", "lower", "upper", "velocity")
    joints = "".join(JOINT.format(**dict(zip(fields, of, strict=True))) for of in chain)
    (folder / "r.urdf").write_text(f'<robot name="r"><link name="base"/>{joints}</robot>')
    data: dict[str, object] = {
        "name": "r",
        "urdf": "r.urdf",
        "groups": {"arm": list(ARM), "gripper": [joint]},
        "parts": {"arms": ["arm", "gripper"]},
        "limits": {
            "position_margin": 0.001,
            "groups": {
                "arm": {"velocity_scale": 0.5, "max_acceleration": 10.0},
                "gripper": {"velocity_scale": 0.5, "max_acceleration": 4.0},
            },
        },
        "controllers": {
            "arm_controller": {"topic": "arm_controller/joint_trajectory", "joints": ["arm"]},
            "gripper_controller": {"topic": "gripper_controller/joint_trajectory", "joints": ["gripper"]},
        },
        "recording": {"audio": ""},
    }
    if gripper is not None:
        data["grippers"] = {"gripper": gripper}
    file = folder / "r.yaml"
    file.write_text(yaml.safe_dump(data | sections))
    return file
