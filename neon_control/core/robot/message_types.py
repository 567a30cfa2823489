"""Types of messages and actions by what a robot file calls them, as text: a draft is written without ROS."""

from __future__ import annotations

from neon_control.core.robot.gripper import ACTIONS

COMMANDS = {"trajectory_msgs/msg/JointTrajectory": "joint_trajectory", "std_msgs/msg/Float64MultiArray": "position"}
GOALS = dict(zip(("control_msgs/action/GripperCommand", "control_msgs/action/ParallelGripperCommand"), ACTIONS, strict=True))
BASES = {"geometry_msgs/msg/Twist": "twist", "geometry_msgs/msg/TwistStamped": "twist_stamped"}
IMAGES = {"sensor_msgs/msg/Image": "raw", "sensor_msgs/msg/CompressedImage": "compressed"}
