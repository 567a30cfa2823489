"""The stand-in of a Unitree G1, and around it whatever a test needs of driver, executor and chunks, each a process of its own."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from geometry_msgs.msg import TwistStamped
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint
from waiting import wait_until

from neon_control.core.common.paths import find_file
from neon_control.monitor.link import Link
from neon_control.nodes.processes import ProcessGroup, free_domain_id, node_command
from neon_control.nodes.transport import PROFILES
from neon_control.robots.unitree.channel import SPORT_REQUEST, Channel
from neon_control.robots.unitree.messages import Request, RequestHeader, RequestIdentity
from neon_control.sim.unitree.log import Log

ROBOT, DRIVER, EXECUTOR, PLAYER = "unitree_sim_node", "unitree_node", "executor_node", "chunk_player"
START = 90.0  # [s] on a busy computer
QUIET = {"width": 64, "height": 48, "camera_rate_hz": 1.0, "mute": True}  # no test here looks at pictures
# A busy computer is no fault of the robot's, in tests of something else; times for the documentation are those of the defaults.
PATIENT_DRIVER = {} if "NEON_FIGURES" in os.environ else {"state_timeout": 1.0}


class UnitreeRig:
    """A context manager.

    Attributes:
        wire: domain of Unitree's DDS.
        group: the processes.
        link: to them all.
        truth: what the stand-in's ~/episode said last.
        joints: what the driver's joint_states said last: joint -> [rad].
    """

    def __init__(self, domain: int, folder: Path) -> None:
        self.wire = next(d for d in iter(free_domain_id, None) if d != domain)
        self._domain, self.folder = domain, folder
        self.truth: dict[str, Any] = {}
        self.joints: dict[str, float] = {}

    def __enter__(self) -> UnitreeRig:
        environment = {k: v for k, v in os.environ.items() if k not in (PROFILES, "MUJOCO_GL")}
        environment |= {"ROS_DOMAIN_ID": str(self._domain), "XDG_RUNTIME_DIR": str(self.folder)}  # where a killed driver leaves its weight
        self.group = ProcessGroup(self.folder / "log", environment).__enter__()
        self.link = Link("rig", domain=self._domain)
        node = self.link.node
        node.create_subscription(String, f"{ROBOT}/episode", self._on_truth, 10)
        node.create_subscription(JointState, "joint_states", self._on_joints, qos_profile_sensor_data)
        self.trajectories = node.create_publisher(JointTrajectory, "arm_controller/joint_trajectory", 1)
        self.velocities = node.create_publisher(TwistStamped, "cmd_vel", 1)
        self._parameters = node.create_client(SetParameters, f"{ROBOT}/set_parameters")
        self._driver_state = node.create_client(ChangeState, f"{DRIVER}/change_state")
        self.link.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.link.close()
        self.group.__exit__(kind, error, trace)
        for log in sorted((self.folder / "log").glob("*.log")):
            print(f"--- {log.name}\n{log.read_text()[-3000:]}")

    def _on_truth(self, message: String) -> None:
        self.truth = json.loads(message.data)

    def _on_joints(self, message: JointState) -> None:
        self.joints = dict(zip(message.name, message.position, strict=True))

    # --- processes ---

    def start_robot(self, wait: bool = True, **parameters: object) -> None:
        """The stand-in, and `wait` until it is heard; parameters of groups with __ for the point, as `faults__delay`."""
        given = {**QUIET, "domain": self.wire, "log_folder": str(self.folder / "wire"), **parameters}
        given = {name.replace("__", "."): value for name, value in given.items()}
        self.group.start(ROBOT, node_command("neon_control.sim.unitree.node", None, given))
        if wait:
            self.wait(lambda: self.truth, "the robot", START)

    def start_driver(self, **parameters: object) -> None:
        """Our driver."""
        given = {"network_interface": "lo", "domain": self.wire, **PATIENT_DRIVER, **parameters}
        self.group.start(DRIVER, node_command("neon_control.robots.unitree.node", None, given))

    def start_executor(self, **parameters: object) -> None:
        """The executor, patient with a busy computer, and a player of chunks in the place of a policy."""
        patient = {"chunk_timeout": 1.5, "joint_state_timeout": 2.0, "chunk_deadline": 4.0, "chunk_lease": 2.0, "command_lead": 0.2}
        given = {"robot_config": "g1.yaml", "mode": "arms_only", **patient, **parameters}
        self.group.start(EXECUTOR, node_command("neon_control.nodes.executor_node", find_file("robot.yaml", "config"), given))

    def start_player(self, robot: str = "g1.yaml") -> None:
        """Chunks of a smooth motion of arms and base, away from the table, where a hand would press a cube down at times."""
        script = Path(__file__).with_name("chunk_player.py")
        self.group.start(PLAYER, [sys.executable, str(script), "--robot", robot, "--dt", "0.1", "--backwards"])

    def send_signal(self, name: str, number: signal.Signals) -> int:
        """Send it; when it was [ns]."""
        os.kill(self.group.pid(name), number)
        return time.time_ns()

    # --- talking to them ---

    def wait(self, condition: Callable[[], Any], what: str, limit: float = 30.0) -> Any:
        """See `wait_until`; a failure tells what driver and executor said last."""
        try:
            return wait_until(condition, limit, what)
        except AssertionError as error:
            said = {name: (status.message, status.values) for name, status in self.link.statuses.items()}
            raise AssertionError(f"{error}; the robot: {self.truth}; said last: {said}") from None

    def set(self, name: str, value: object) -> int:
        """Set a parameter of the stand-in; when it was in force [ns]."""
        request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
        result = self.link.call(self._parameters, request, START).results[0]
        assert result.successful, result.reason
        return time.time_ns()

    def sport(self, interface: int, parameter: dict[str, Any]) -> int:
        """Ask the robot's sport service for something, as another client; when it heard that [ns]."""
        client = Channel("lo", self.wire)
        requests = client.writer(SPORT_REQUEST, Request)
        request = Request(RequestHeader(RequestIdentity(time.time_ns(), interface)), json.dumps(parameter))

        def arrived() -> int:
            """Again until it has: the robot may not know this client yet."""
            requests.write(request)
            return next((event["t"] for event in self.log().named("request") if event["id"] == request.header.identity.id), 0)

        when = self.wait(arrived, "the request's arrival", START)
        client.close()
        return int(when)

    def activate(self, active: bool) -> bool:
        """Activate or deactivate the driver; whether it did."""
        number = Transition.TRANSITION_ACTIVATE if active else Transition.TRANSITION_DEACTIVATE
        return bool(self.link.call(self._driver_state, ChangeState.Request(transition=Transition(id=number)), START).success)

    def log(self) -> Log:
        """What the robot received until now."""
        return Log.read(self.folder / "wire")

    @property
    def robot(self) -> dict[str, Any]:
        """What the robot says of its arms."""
        found: dict[str, Any] = self.truth.get("unitree", {})
        return found

    def weight(self) -> float:
        """In force."""
        return float(self.robot.get("weight", 0.0))

    def to(self, positions: dict[str, float], seconds: float) -> None:
        """Send some joints of the arms to `positions` [rad] within `seconds`; the others stay where they are."""
        names = [name for name in self.joints if any(word in name for word in ("shoulder", "elbow", "wrist"))]
        point = JointTrajectoryPoint(positions=[positions.get(name, self.joints[name]) for name in names])
        point.time_from_start.sec, point.time_from_start.nanosec = int(seconds), int(seconds % 1 * 1e9)
        self.trajectories.publish(JointTrajectory(joint_names=names, points=[point]))

    @staticmethod
    def now() -> int:
        """[ns] on the clock of the log."""
        return time.time_ns()

    def drive(self, velocity: tuple[float, float, float]) -> int:
        """Send a velocity; when it was [ns]."""
        message = TwistStamped()
        message.header.stamp = self.link.node.get_clock().now().to_msg()
        message.twist.linear.x, message.twist.linear.y, message.twist.angular.z = velocity
        self.velocities.publish(message)
        return time.time_ns()
