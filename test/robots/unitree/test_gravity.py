"""Torques that hold arms and waist against gravity."""

from __future__ import annotations

import numpy as np
import pytest
from g1_bench import ROBOT, Bench

from neon_control.robots.unitree.gravity import GRAVITY, MOST_TORQUE, Gravity
from neon_control.robots.unitree.motors import ARMS, JOINTS, PLACES
from neon_control.robots.unitree.settings import DriverSettings

ARM_JOINTS = tuple(JOINTS[place] for place in ARMS)
UPRIGHT = np.array([1.0, 0.0, 0.0, 0.0])
ELBOW, SHOULDER = "left_elbow_joint", "left_shoulder_pitch_joint"


def torque(joint: str, positions: np.ndarray, attitude: np.ndarray = UPRIGHT) -> float:
    return float(Gravity(ROBOT, ARM_JOINTS).torques(positions, attitude)[ARM_JOINTS.index(joint)])


def potential(positions: np.ndarray) -> float:
    """[J] of all masses, by the package's own kinematics and the URDF's text: another way to the same torques."""
    import xml.etree.ElementTree as ElementTree

    from neon_control.core.robot.kinematics import Kinematics

    links, offsets, masses = [], [], []
    for link in ElementTree.parse(ROBOT.urdf_path).getroot().iterfind("link"):
        inertial = link.find("inertial")
        if inertial is not None:
            mass, origin = inertial.find("mass"), inertial.find("origin")
            assert mass is not None and origin is not None
            links.append(link.get("name", ""))
            masses.append(float(mass.get("value", "0")))
            offsets.append([float(v) for v in origin.get("xyz", "0 0 0").split()])
    places, rotations = Kinematics(ROBOT.urdf_path).poses(links, dict(zip(JOINTS, positions.tolist(), strict=True)))
    centres = places[:, 0] + np.einsum("lij,lj->li", rotations[:, 0], np.array(offsets))
    return float(GRAVITY * (np.array(masses) @ centres[:, 2]))


def test_they_are_the_slope_of_the_potential_energy() -> None:
    positions = np.random.default_rng(3).uniform(-0.6, 0.6, 29)
    found = Gravity(ROBOT, ARM_JOINTS).torques(positions, UPRIGHT)
    for number, joint in enumerate(ARM_JOINTS):
        step = np.zeros(29)
        step[PLACES[joint]] = 1e-5
        slope = (potential(positions + step) - potential(positions - step)) / 2e-5
        assert found[number] == pytest.approx(slope, abs=1e-5), joint


def test_a_robot_that_lies_on_its_back_has_them_turned() -> None:
    positions = np.zeros(29)
    quarter = np.array([np.sqrt(0.5), 0.0, -np.sqrt(0.5), 0.0])  # about y: its chest looks up

    assert abs(torque(SHOULDER, positions, quarter)) > 2.0
    assert torque(SHOULDER, positions, np.zeros(4)) == pytest.approx(torque(SHOULDER, positions)), "an attitude that is none is upright"


def test_they_are_bounded() -> None:
    assert abs(np.abs(Gravity(ROBOT, ARM_JOINTS).torques(np.full(29, 1.5), UPRIGHT)).max()) <= MOST_TORQUE


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)])
def test_the_driver_sends_a_share_of_them(share: float, expected: float) -> None:
    bench = Bench(DriverSettings(gravity_feedforward=share))
    bench.state.fields["imu_state"]["quaternion"] = UPRIGHT
    bench.run(1.2)
    positions = bench.measured[:29].astype(np.float64)

    sent = bench.sent[-1].fields["motor_cmd"]["tau"][PLACES[ELBOW]]
    assert sent == pytest.approx(expected * torque(ELBOW, positions), abs=1e-4)
