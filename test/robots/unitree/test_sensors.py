"""What the robot measures arrives as ROS messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import rclpy
from g1_bench import ROBOT
from nav_msgs.msg import Odometry
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Imu, JointState
from waiting import wait_until

from neon_control.core.common.nanoseconds import to_nanoseconds
from neon_control.robots.unitree.motors import JOINTS, MODELS
from neon_control.robots.unitree.odometry import MEASURED, Pose
from neon_control.robots.unitree.packed import LOW_STATE
from neon_control.robots.unitree.sensors import Sensors

pytestmark = pytest.mark.system
STAMP = 1_700_000_000_123_456_789  # [ns]


class Ear(Node):
    """Hears all three topics."""

    def __init__(self) -> None:
        super().__init__("ear")
        self.heard: dict[str, Any] = {}
        for kind, topic, qos in (
            (JointState, "joint_states", qos_profile_sensor_data),
            (Imu, "imu", qos_profile_sensor_data),
            (Odometry, "odom", 10),
        ):
            self.create_subscription(kind, topic, lambda message, topic=topic: self.heard.__setitem__(topic, message), qos)


@pytest.fixture
def ear(ros_domain_id: int) -> Iterator[Ear]:
    rclpy.init()
    node = Ear()
    yield node
    node.destroy_node()
    rclpy.try_shutdown()


def test_joints_of_the_model_inertial_unit_and_odometry(ear: Ear) -> None:
    sensors, state = Sensors(ear, ROBOT), LOW_STATE.make()
    motors, imu = state.fields["motor_state"], state.fields["imu_state"]
    motors["q"], motors["dq"], motors["tau_est"] = 0.01 * np.arange(35), 0.1 * np.arange(35), 1.0 * np.arange(35)
    imu["quaternion"], imu["gyroscope"], imu["accelerometer"] = (0.5, 0.1, 0.2, 0.3), (1.0, 2.0, 3.0), (0.0, 0.5, 9.75)
    pose = Pose(np.array([1.0, 2.0, 0.75]), (0.0, 0.0, 0.6, 0.8), np.array([0.25, 0.0, 0.0]), np.array([0.0, 0.0, 0.5]), MEASURED)

    def send() -> None:
        sensors.body(STAMP, state, MODELS["27"])
        sensors.base(STAMP, pose)
        rclpy.spin_once(ear, timeout_sec=0.05)

    wait_until(lambda: len(ear.heard) == 3, 20.0, "three messages", tick=send)
    joints, unit, odometry = (ear.heard[topic] for topic in ("joint_states", "imu", "odom"))

    assert joints.name == [joint for joint in JOINTS if joint not in ("waist_roll_joint", "waist_pitch_joint")]
    places = [JOINTS.index(name) for name in joints.name]
    np.testing.assert_allclose(joints.position, 0.01 * np.array(places), rtol=1e-6)
    np.testing.assert_allclose(joints.velocity, 0.1 * np.array(places), rtol=1e-6)
    np.testing.assert_allclose(joints.effort, places)
    assert {to_nanoseconds(m.header.stamp) for m in (joints, unit, odometry)} == {STAMP}
    assert (unit.orientation.w, unit.angular_velocity.z, unit.linear_acceleration.z) == (0.5, 3.0, 9.75)
    assert unit.orientation.x == pytest.approx(0.1)
    assert odometry.pose.pose.position.y == 2.0 and odometry.pose.pose.orientation.w == 0.8
    assert odometry.twist.twist.linear.x == 0.25 and odometry.child_frame_id == "base_link"


def test_all_motors_are_told_while_the_model_is_not_known(ear: Ear) -> None:
    sensors = Sensors(ear, ROBOT)

    def send() -> None:
        sensors.body(STAMP, LOW_STATE.make(), None)
        rclpy.spin_once(ear, timeout_sec=0.05)

    wait_until(lambda: "joint_states" in ear.heard, 20.0, "joint states", tick=send)
    assert ear.heard["joint_states"].name == list(JOINTS)
