"""The simulated robot's drivers, at real-time speed: sensors out, controller commands in.

Three threads: the body advances the world every 5 ms on absolute deadlines and publishes what it feels and hears; the camera draws
in software, which takes up to 15 ms, so it has its own; callbacks run where the node is spun. docs/topics.md lists its topics and services.
"""

from __future__ import annotations

import array
import json
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from geometry_msgs.msg import Quaternion, Twist, TwistStamped
from nav_msgs.msg import Odometry
from rcl_interfaces.msg import SetParametersResult
from rclpy.logging import get_logger
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_sensor_data
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Float64MultiArray, Int16MultiArray, String
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from neon_control.core.common.fields import setting
from neon_control.core.common.nanoseconds import NANOSECONDS, to_nanoseconds
from neon_control.core.control.pacing import Pacer
from neon_control.core.robot.base_limits import BASE_MESSAGES
from neon_control.core.robot.gripper import ACTIONS
from neon_control.core.robot.robot import ControllerConfig
from neon_control.core.robot.robot_file import load_robot
from neon_control.core.robot.topic_names import AUDIO, CAMERA, JOINT_STATES, ODOMETRY
from neon_control.nodes.base_output import COMMAND_QOS
from neon_control.nodes.chunk_messages import to_time, twist
from neon_control.nodes.lifecycle import run
from neon_control.nodes.parameters import declare
from neon_control.nodes.simulated_clock import ClockGuard
from neon_control.nodes.transport import choose_transport
from neon_control.sim.controllers import CONTROLLER_PERIOD, CommandError
from neon_control.sim.gripper_server import GripperServer
from neon_control.sim.simulation import COLOURS, Simulation, State

PERIOD = CONTROLLER_PERIOD  # [s] of the body: a cycle of the controllers, then of the physics
AUDIO_BLOCK = 320  # [samples] in `AUDIO_EVERY`
AUDIO_EVERY, ODOM_EVERY, EPISODE_EVERY = 4, 4, 10  # [periods]
SWITCH_INTERVAL = 0.0005  # [s] how long another thread may keep the interpreter from the body
MAX_STALL = 0.25  # [s] after a longer stall (a stopped process) the simulation goes on from where it was
LOG_PERIOD = 5.0  # [s] between two complaints of a kind


@dataclass(frozen=True)
class Parameters:
    """Parameters of the node; those that are not read-only may be set at any time."""

    robot_config: str = setting("g1.yaml", "robot description (YAML), a path or a file of the package's config/")
    width: int = setting(320, "width of the camera's image", unit="pixels", minimum=16, maximum=4096)
    height: int = setting(240, "height of the camera's image", unit="pixels", minimum=16, maximum=4096)
    camera_rate_hz: float = setting(15.0, "images per second", unit="Hz", minimum=0.1, maximum=120.0)
    base_message: str = setting("twist_stamped", "message type of the base's commands", choices=BASE_MESSAGES[:2])
    cmd_timeout: float = setting(0.0, "joints hold the measured pose this long after a trajectory ended; 0: never", unit="s", minimum=0.0)
    cmd_vel_timeout: float = setting(0.5, "the base stops without a command for so long", unit="s", minimum=0.0)
    interpolate_from_desired_state: bool = setting(False, "enter a new trajectory from the last desired state")
    speech_delay: float = setting(2.1, "silence at the begin of an episode", unit="s", minimum=0.0)
    publish_clock: bool = setting(False, "stamp with the simulation's own time and publish it on /clock")
    seed: int = setting(0, "series of episodes; setting it starts the series anew", minimum=0, read_only=False)
    colour: str = setting("", "colour to ask for, at once and in later episodes; empty: drawn", choices=("", *COLOURS), read_only=False)
    mute: bool = setting(False, "nobody speaks; the background noise stays", read_only=False)
    blind: bool = setting(False, "the camera sends black images", read_only=False)


class SimNode(ClockGuard):
    """See the module's text."""

    def __init__(self) -> None:
        super().__init__("sim_node")
        parameters = self._settings = declare(self, Parameters)
        robot = load_robot(parameters.robot_config)
        size = (parameters.width, parameters.height)
        controllers = (parameters.cmd_timeout, parameters.cmd_vel_timeout, parameters.interpolate_from_desired_state)
        self._simulation = Simulation(robot, size, parameters.speech_delay, *controllers)
        self._simulation.mute(parameters.mute)
        self._seed, self._next, self._colour, self._blind = parameters.seed, 0, parameters.colour, parameters.blind
        self._images_sent = self._stalls = 0
        self.failed = False  # ends the process, see `lifecycle.run`
        self._stopping = threading.Event()
        self._camera_ready = threading.Event()
        self._start_time = time.time_ns()
        self._ticks = 0
        self._joint_states = self.create_publisher(JointState, JOINT_STATES, qos_profile_sensor_data)
        self._robot, self._wire = robot, robot.wire
        self._grippers: list[GripperServer] = []
        self._joint_message = JointState(name=self._wire.names(self._simulation.joint_names))
        self._audio = self.create_publisher(Int16MultiArray, AUDIO, qos_profile_sensor_data)
        self._images = self.create_publisher(Image, CAMERA, qos_profile_sensor_data)
        self._odom = None if robot.base is None else self.create_publisher(Odometry, ODOMETRY, 10)
        self._truth = self.create_publisher(String, "~/episode", 10)
        self._clock_publisher = self.create_publisher(Clock, "/clock", qos_profile_sensor_data) if parameters.publish_clock else None
        for controller in robot.controllers:
            self._subscribe_controller(controller)
        if robot.base is not None:
            self._subscribe_base(robot.base.topic)
        self.create_service(Trigger, "~/reset", self._on_reset)
        self.add_on_set_parameters_callback(self._check_parameters)
        self.add_post_set_parameters_callback(self._apply_parameters)
        self._begin_episode()
        self._threads = [threading.Thread(target=self._guard, args=(loop,), name=loop.__name__) for loop in (self._camera, self._body)]
        for thread in self._threads:
            thread.start()

    # --- commands, in the spinning thread ---

    def _subscribe_controller(self, controller: ControllerConfig) -> None:
        def on_trajectory(message: JointTrajectory) -> None:
            points = message.points
            self._simulation.command_joints(
                controller.name,
                self._now(),
                to_nanoseconds(message.header.stamp),
                self._wire.joints(message.joint_names),
                np.array([p.time_from_start.sec + 1e-9 * p.time_from_start.nanosec for p in points]),
                _table([p.positions for p in points], "positions"),
                _table([p.velocities for p in points], "velocities") if any(p.velocities for p in points) else None,
                _table([p.accelerations for p in points], "accelerations") if any(p.accelerations for p in points) else None,
            )

        def on_positions(message: Float64MultiArray) -> None:
            row = np.array(message.data, dtype=np.float64)[None, :]
            self._simulation.command_joints(controller.name, self._now(), 0, controller.joints, np.zeros(1), row)

        if controller.type in ACTIONS:
            self._grippers.append(GripperServer(self, self._robot, controller, self._simulation, self._now))
        elif controller.type == "position":
            self._subscribe(Float64MultiArray, controller.topic, on_positions)
        else:
            self._subscribe(JointTrajectory, controller.topic, on_trajectory)

    def _subscribe_base(self, topic: str) -> None:
        def on_twist(message: Twist, stamp: int = 0) -> None:
            velocity = np.array([message.linear.x, message.linear.y, message.angular.z])
            self._simulation.command_base(self._now(), stamp, velocity)

        if self._settings.base_message == "twist":
            self._subscribe(Twist, topic, on_twist)
        else:
            self._subscribe(TwistStamped, topic, lambda m: on_twist(m.twist, to_nanoseconds(m.header.stamp)))

    def _subscribe(self, kind: type, topic: str, callback: Callable[[Any], None]) -> None:
        logger = get_logger(self.get_logger().name)  # of this topic alone: each logger counts the time between its own complaints

        def receive(message: Any) -> None:
            try:
                callback(message)
            except CommandError as error:
                logger.warning(f"command on {topic} refused: {error}", throttle_duration_sec=LOG_PERIOD)

        self.create_subscription(kind, topic, receive, COMMAND_QOS)

    def _on_reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success, response.message = True, self._begin_episode()
        return response

    def _begin_episode(self) -> str:
        index, self._next = self._next, self._next + 1
        colour = self._simulation.reset(self._seed, index, self._colour)
        for gripper in self._grippers:
            gripper.reset()
        return f"episode {index} of seed {self._seed}: {colour}"

    def _check_parameters(self, parameters: list[Parameter[Any]]) -> SetParametersResult:
        for parameter in parameters:
            if parameter.name == "colour" and parameter.value not in ("", *COLOURS):
                return SetParametersResult(successful=False, reason=f"colour is '{parameter.value}', but must be one of {['', *COLOURS]}")
        return SetParametersResult(successful=True)

    def _apply_parameters(self, parameters: list[Parameter[Any]]) -> None:
        for parameter in parameters:
            if parameter.name == "colour":
                self._colour = parameter.value
                if parameter.value:
                    self._simulation.say(parameter.value)
            elif parameter.name == "seed":
                self._seed, self._next = parameter.value, 0
            elif parameter.name == "mute":
                self._simulation.mute(parameter.value)
            elif parameter.name == "blind":
                self._blind = parameter.value

    # --- the two loops ---

    def _now(self) -> int:
        """[ns] A driver stamps with the system's clock; with `publish_clock`, time is what has been simulated."""
        if self._settings.publish_clock:
            return self._start_time + round(self._ticks * PERIOD * NANOSECONDS)
        return time.time_ns()

    def _guard(self, loop: Callable[[], None]) -> None:
        try:
            loop()
        except Exception as error:  # a dead thread would leave a robot that looks alive
            if not self._stopping.is_set():
                self.get_logger().fatal(f"the simulation's {loop.__name__.strip('_')} thread ended: {type(error).__name__}: {error}")
                self.failed = True
        finally:
            self._camera_ready.set()

    def _body(self) -> None:
        self._camera_ready.wait()  # making the graphics context takes a while and needs the scene to stand still
        pacer = Pacer(PERIOD, running=lambda: not self._stopping.is_set())
        while not self._stopping.is_set():
            periods = 1 + pacer.wait().skipped
            if periods * PERIOD > MAX_STALL:
                self._stalls += 1
                periods = 1
            first, self._ticks = self._ticks, self._ticks + periods
            state = self._simulation.tick(self._now(), periods * PERIOD)
            self._publish_joints(state)
            for _ in range(self._ticks // AUDIO_EVERY - first // AUDIO_EVERY):
                self._audio.publish(Int16MultiArray(data=array.array("h", self._simulation.listen(AUDIO_BLOCK).tobytes())))
            if self._odom is not None and first // ODOM_EVERY != self._ticks // ODOM_EVERY:
                self._odom.publish(_odometry(state))
            if first // EPISODE_EVERY != self._ticks // EPISODE_EVERY:
                counters = {"images_sent": self._images_sent, "stalls": self._stalls, "skipped": pacer.skipped}
                self._truth.publish(String(data=json.dumps(self._simulation.truth() | counters)))

    def _publish_joints(self, state: State) -> None:
        stamp = to_time(state.stamp)
        if self._clock_publisher is not None:
            self._clock_publisher.publish(Clock(clock=stamp))
        self._joint_message.header.stamp = stamp
        self._joint_message.position = array.array("d", state.positions.tobytes())
        self._joint_message.velocity = array.array("d", state.velocities.tobytes())
        self._joint_states.publish(self._joint_message)

    def _camera(self) -> None:
        try:
            self._simulation.look()
            self._simulation.draw()
            self._camera_ready.set()
            pacer = Pacer(1.0 / self._settings.camera_rate_hz, running=lambda: not self._stopping.is_set())
            last = 0
            while not self._stopping.is_set():
                pacer.wait()
                stamp = self._simulation.look()
                if stamp == last:  # the body has not moved on since
                    continue
                image, last = self._simulation.draw(), stamp
                if not self._stopping.is_set():
                    self._publish_image(stamp, np.zeros_like(image) if self._blind else image)
        finally:
            self._simulation.close()

    def _publish_image(self, stamp: int, image: np.ndarray) -> None:
        height, width, channels = image.shape
        message = Image(height=height, width=width, encoding="rgb8", step=width * channels)
        message.header.stamp, message.header.frame_id = to_time(stamp), "camera"
        message.data = array.array("B", np.ascontiguousarray(image).tobytes())
        self._images.publish(message)
        self._images_sent += 1

    def destroy_node(self) -> None:
        """Stop both loops, then the node."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(2.0)
        super().destroy_node()


def _odometry(state: State) -> Odometry:
    message = Odometry(child_frame_id="base_link")
    message.header.stamp, message.header.frame_id = to_time(state.stamp), "odom"
    x, y, yaw = state.base_pose.tolist()
    message.pose.pose.position.x, message.pose.pose.position.y = x, y
    message.pose.pose.orientation = Quaternion(z=float(np.sin(yaw / 2)), w=float(np.cos(yaw / 2)))
    message.twist.twist = twist(state.base_velocity)
    return message


def _table(rows: list[Sequence[float]], what: str) -> np.ndarray:
    """(H, D) from H rows, which must be equally long."""
    if len({len(row) for row in rows}) > 1:
        raise CommandError(f"the points have different numbers of {what}")
    return np.array(rows, dtype=np.float64).reshape(len(rows), -1 if rows else 0)


def main(args: Sequence[str] | None = None) -> int:
    """Entry point."""
    choose_transport()
    sys.setswitchinterval(SWITCH_INTERVAL)
    return run(SimNode, args)


if __name__ == "__main__":
    sys.exit(main())
