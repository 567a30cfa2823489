"""The simulated robot's drivers, at real-time speed: sensors out, controller commands in.

Every 5 ms a cycle of the controllers, then of the physics; `stage_node.py` says what else such a node does.
"""

from __future__ import annotations

import array
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from geometry_msgs.msg import Quaternion
from nav_msgs.msg import Odometry
from rclpy.qos import qos_profile_sensor_data
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState

from neon_control.core.common.fields import setting
from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.control.controllers import CONTROLLER_PERIOD
from neon_control.core.robot.base_limits import BASE_MESSAGES
from neon_control.core.robot.gripper import ACTIONS
from neon_control.core.robot.robot_file import load_robot
from neon_control.core.robot.topic_names import JOINT_STATES, ODOMETRY
from neon_control.nodes.chunk_messages import to_time, twist
from neon_control.nodes.command_input import CommandInput
from neon_control.nodes.lifecycle import run
from neon_control.nodes.parameters import declare
from neon_control.nodes.transport import choose_transport
from neon_control.sim.gripper_server import GripperServer
from neon_control.sim.simulation import Simulation, State
from neon_control.sim.stage_node import SWITCH_INTERVAL, StageNode, StageParameters

PERIOD = CONTROLLER_PERIOD  # [s] of the body: a cycle of the controllers, then of the physics
ODOM_PERIOD = 0.02  # [s]


@dataclass(frozen=True)
class Parameters(StageParameters):
    """Parameters of the node."""

    base_message: str = setting("twist_stamped", "message type of the base's commands", choices=BASE_MESSAGES[:2])
    cmd_timeout: float = setting(0.0, "joints hold the measured pose this long after a trajectory ended; 0: never", unit="s", minimum=0.0)
    cmd_vel_timeout: float = setting(0.5, "the base stops without a command for so long", unit="s", minimum=0.0)
    interpolate_from_desired_state: bool = setting(False, "enter a new trajectory from the last desired state")
    publish_clock: bool = setting(False, "stamp with the simulation's own time and publish it on /clock")


class SimNode(StageNode):
    """See the module's text."""

    def __init__(self) -> None:
        super().__init__("sim_node")
        parameters = self._settings = declare(self, Parameters)
        robot = load_robot(parameters.robot_config)
        size = (parameters.width, parameters.height)
        controllers = (parameters.cmd_timeout, parameters.cmd_vel_timeout, parameters.interpolate_from_desired_state)
        self._simulation = Simulation(robot, size, parameters.speech_delay, *controllers)
        self._start_time = time.time_ns()
        self._joint_states = self.create_publisher(JointState, JOINT_STATES, qos_profile_sensor_data)
        self._joint_message = JointState(name=robot.wire.names(self._simulation.joint_names))
        self._odom = None if robot.base is None else self.create_publisher(Odometry, ODOMETRY, 10)
        self._clock_publisher = self.create_publisher(Clock, "/clock", qos_profile_sensor_data) if parameters.publish_clock else None
        commands, grippers = CommandInput(self, robot.wire, self._now), list[GripperServer]()
        for controller in robot.controllers:
            if controller.type in ACTIONS:
                grippers.append(GripperServer(self, robot, controller, self._simulation, self._now))
            else:
                commands.joints(controller, self._simulation.command_joints)
        if robot.base is not None:
            commands.base(robot.base.topic, parameters.base_message == "twist_stamped", self._simulation.command_base)
        self._grippers = grippers
        self.begin(parameters, self._simulation, PERIOD)

    def _begin_episode(self) -> str:
        text = super()._begin_episode()
        for gripper in self._grippers:
            gripper.reset()
        return text

    def _now(self) -> int:
        """[ns] A driver stamps with the system's clock; with `publish_clock`, time is what has been simulated."""
        if self._settings.publish_clock:
            return self._start_time + round(self._ticks * PERIOD * NANOSECONDS)
        return time.time_ns()

    def _sense(self, state: State) -> None:
        stamp = to_time(state.stamp)
        if self._clock_publisher is not None:
            self._clock_publisher.publish(Clock(clock=stamp))
        self._joint_message.header.stamp = stamp
        self._joint_message.position = array.array("d", state.positions.tobytes())
        self._joint_message.velocity = array.array("d", state.velocities.tobytes())
        self._joint_states.publish(self._joint_message)
        if self._odom is not None and self._passed(ODOM_PERIOD):
            self._odom.publish(_odometry(state))


def _odometry(state: State) -> Odometry:
    message = Odometry(child_frame_id="base_link")
    message.header.stamp, message.header.frame_id = to_time(state.stamp), "odom"
    x, y, yaw = state.base_pose.tolist()
    message.pose.pose.position.x, message.pose.pose.position.y = x, y
    message.pose.pose.orientation = Quaternion(z=float(np.sin(yaw / 2)), w=float(np.cos(yaw / 2)))
    message.twist.twist = twist(state.base_velocity)
    return message


def main(args: Sequence[str] | None = None) -> int:
    """Entry point."""
    choose_transport()
    sys.setswitchinterval(SWITCH_INTERVAL)
    return run(SimNode, args)


if __name__ == "__main__":
    sys.exit(main())
