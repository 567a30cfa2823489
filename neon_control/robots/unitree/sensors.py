"""What the robot measures, as ROS messages: joint states, the inertial unit, odometry."""

from __future__ import annotations

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Quaternion, Vector3
from nav_msgs.msg import Odometry
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Imu, JointState
from std_msgs.msg import Header

from neon_control.core.robot.robot import Robot
from neon_control.core.robot.topic_names import IMU, JOINT_STATES, ODOMETRY
from neon_control.nodes.prepared_message import TIME_MARK, PreparedMessage, mark
from neon_control.robots.unitree.hands import Hand
from neon_control.robots.unitree.motors import JOINTS, Model
from neon_control.robots.unitree.odometry import Pose
from neon_control.robots.unitree.packed import Packed

IMU_FRAME = "imu_in_pelvis"
_FIELDS = ("q", "dq", "tau_est")  # of a motor, as positions, velocities and efforts


class _JointMessage:
    """A JointState whose names stay, with positions, velocities and, of the body, efforts."""

    def __init__(self, names: list[str], fields: int) -> None:
        stamp = Time(sec=TIME_MARK[0], nanosec=TIME_MARK[1])
        columns = [[mark(field)] * len(names) for field in range(fields)] + [[]] * (3 - fields)
        message = JointState(header=Header(stamp=stamp), name=names, position=columns[0], velocity=columns[1], effort=columns[2])
        self.prepared = PreparedMessage(message)
        self.columns = [self.prepared.doubles(field, len(names)) for field in range(fields)]  # (J,) each


class Sensors:
    """Publishes them; a robot without a base in its file has no odometry."""

    def __init__(self, node: Node, robot: Robot) -> None:
        self._robot = robot
        self._joint_states = node.create_publisher(JointState, JOINT_STATES, qos_profile_sensor_data)
        self._imu = node.create_publisher(Imu, IMU, qos_profile_sensor_data)
        self._odom = None if robot.base is None else node.create_publisher(Odometry, ODOMETRY, 10)
        self._body: tuple[Model | None, np.ndarray, _JointMessage] | None = None
        self._hands: dict[str, _JointMessage] = {}
        message = Imu(header=Header(stamp=Time(sec=TIME_MARK[0], nanosec=TIME_MARK[1]), frame_id=IMU_FRAME))
        message.orientation = Quaternion(x=mark(0), y=mark(1), z=mark(2), w=mark(3))
        message.angular_velocity = Vector3(x=mark(4), y=mark(5), z=mark(6))
        message.linear_acceleration = Vector3(x=mark(7), y=mark(8), z=mark(9))
        self._imu_message = PreparedMessage(message)
        self._imu_numbers = [self._imu_message.doubles(number) for number in range(10)]
        if robot.base is not None:
            self._odom_message = PreparedMessage(_odometry(robot.base.frame))
            self._odom_numbers = [self._odom_message.doubles(number) for number in range(13)]

    def body(self, stamp: int, state: Packed, model: Model | None) -> None:
        """Joint states of the motors that the model has (of all while it is not known) and the inertial unit, at `stamp` [ns]."""
        if self._body is None or self._body[0] is not model:
            places = np.array([place for place, joint in enumerate(JOINTS) if model is None or model.has(joint)])
            self._body = model, places, _JointMessage(self._robot.wire.names([JOINTS[place] for place in places]), len(_FIELDS))
        _, places, message = self._body
        motors = state.fields["motor_state"]
        for field, column in zip(_FIELDS, message.columns, strict=True):
            column[:] = motors[field][places]
        message.prepared.set_time(stamp)
        message.prepared.publish(self._joint_states)
        imu = state.fields["imu_state"]
        w, x, y, z = imu["quaternion"].tolist()
        for place, value in zip(self._imu_numbers, (x, y, z, w, *imu["gyroscope"].tolist(), *imu["accelerometer"].tolist()), strict=True):
            place[0] = value
        self._imu_message.set_time(stamp)
        self._imu_message.publish(self._imu)

    def hand(self, stamp: int, hand: Hand) -> None:
        """Joint states of a hand's fingers, in a message of their own."""
        message = self._hands.get(hand.side)
        if message is None:
            message = self._hands[hand.side] = _JointMessage(self._robot.wire.names(hand.joints), 2)
        message.columns[0][:], message.columns[1][:] = hand.positions, hand.velocities
        message.prepared.set_time(stamp)
        message.prepared.publish(self._joint_states)

    def base(self, stamp: int, pose: Pose) -> None:
        """Odometry."""
        if self._odom is None:
            return
        numbers = (*pose.position.tolist(), *pose.orientation, *pose.linear.tolist(), *pose.angular.tolist())
        for place, value in zip(self._odom_numbers, numbers, strict=True):
            place[0] = value
        self._odom_message.set_time(stamp)
        self._odom_message.publish(self._odom)


def _odometry(frame: str) -> Odometry:
    """One whose numbers are marks, in the order of `Pose`."""
    message = Odometry(header=Header(stamp=Time(sec=TIME_MARK[0], nanosec=TIME_MARK[1]), frame_id="odom"), child_frame_id=frame)
    message.pose.pose.position = Point(x=mark(0), y=mark(1), z=mark(2))
    message.pose.pose.orientation = Quaternion(x=mark(3), y=mark(4), z=mark(5), w=mark(6))
    message.twist.twist.linear = Vector3(x=mark(7), y=mark(8), z=mark(9))
    message.twist.twist.angular = Vector3(x=mark(10), y=mark(11), z=mark(12))
    return message
