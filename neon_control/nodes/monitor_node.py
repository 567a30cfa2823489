"""The node that shows what the robot plans, in RViz, Foxglove and everything else that reads standard messages.

It listens to the same topics as the executor and publishes at its own rate, in a process of its own; the control path does not wait for it.
Topics of the control rate are read as late as possible, the newest message only, and nothing is drawn while nobody watches.
"""

from __future__ import annotations

import math
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Path
from rclpy.qos import QoSProfile
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory, MultiDOFJointTrajectory
from visualization_msgs.msg import MarkerArray

from neon_control.core.common.errors import ChunkError, NeonControlError, ObservationError
from neon_control.core.common.fields import setting
from neon_control.core.control.chunk import BASE, JOINTS
from neon_control.core.control.ensemble import EnsembleSettings
from neon_control.core.control.plan import Plan, PlannedPath, seen_from
from neon_control.core.robot.kinematics import Kinematics
from neon_control.core.robot.robot_file import load_robot
from neon_control.core.robot.topic_names import CHUNK_BASE, CHUNK_JOINTS, DIAGNOSTICS
from neon_control.nodes.checked_messages import read_message
from neon_control.nodes.chunk_messages import chunk_qos, read_base, read_joints, to_time
from neon_control.nodes.driven_way import DrivenWay
from neon_control.nodes.lifecycle import STEADY_CLOCK, run
from neon_control.nodes.motion_topics import MotionTopics, age
from neon_control.nodes.parameters import declare
from neon_control.nodes.plan_markers import STALE, Drawing, summary
from neon_control.nodes.simulated_clock import ClockGuard
from neon_control.nodes.start import start_ros
from neon_control.nodes.status import Status, read_status
from neon_control.nodes.transport import choose_transport

MARKERS_TOPIC, PATHS_TOPIC, GHOST_TOPIC = "monitor/markers", "monitor/path", "monitor/ghost_joint_states"
PRINT_URDF = "--print-urdf"
DIAGNOSTICS_AGE = 3.0  # [s] they come once a second
COMPONENTS = {"control": "the executor's diagnostics", "inference": "the policy's diagnostics"}


@dataclass(frozen=True)
class Parameters:
    """Parameters of the node."""

    robot_config: str = setting("g1.yaml", "robot description (YAML), a path or a file of the package's config/")
    rate_hz: float = setting(10.0, "how often everything is published", unit="Hz", minimum=0.5, maximum=60.0)
    links: tuple[str, ...] = setting((), "links whose paths are shown; empty: the outermost one that each arm's last joint carries")
    frame: str = setting("", "name of the URDF's root link in TF; empty: as in the URDF")
    floor: float = setting(0.0, "height in that frame at which paths of the base are drawn", unit="m")
    chunks: int = setting(5, "newest chunks whose paths are drawn", minimum=1, maximum=64)
    lifetime: float = setting(
        0.5,
        "what is older is called stale, a chunk when it is over as well, and drawings of it vanish",
        unit="s",
        minimum=0.1,
        maximum=10.0,
    )
    joints: EnsembleSettings = field(default_factory=EnsembleSettings)
    base: EnsembleSettings = field(default_factory=EnsembleSettings)


class MonitorNode(ClockGuard):
    """See the module's text."""

    def __init__(self) -> None:
        super().__init__("monitor_node")
        settings = self._settings = declare(self, Parameters)
        robot = load_robot(settings.robot_config)
        self.urdf_path = robot.urdf_path
        kinematics = Kinematics(robot.urdf_path)
        links = settings.links or kinematics.hands(robot)
        self._plan = Plan(kinematics, links, settings.joints, settings.base, settings.chunks)
        self._drawing = Drawing(settings.frame or kinematics.root, links, settings.lifetime, settings.floor)
        self._markers = self.create_publisher(MarkerArray, MARKERS_TOPIC, 1)
        self._ghost = self.create_publisher(JointState, GHOST_TOPIC, 1)
        self._paths = {name: self.create_publisher(Path, path_topic(name), 1) for name in (*links, BASE)}
        self._motion, self._driven = MotionTopics(self, robot), DrivenWay()
        self._motion.subscribe()
        self._statuses: dict[str, Status] = {}  # component -> its newest
        follow_any = chunk_qos(deadline=None, lease=None)
        self._subscribe(JointTrajectory, CHUNK_JOINTS, follow_any, self._on_joints)
        self._subscribe(MultiDOFJointTrajectory, CHUNK_BASE, follow_any, self._on_base)
        self._subscribe(DiagnosticArray, DIAGNOSTICS, QoSProfile(depth=10), self._on_diagnostics)
        # A steady clock: a paused simulation is still shown.
        self.create_timer(1.0 / settings.rate_hz, self._publish, clock=STEADY_CLOCK)

    # --- what arrives at the rate of inference or slower ---

    def _subscribe(self, kind: type, topic: str, qos: QoSProfile, callback: Callable[[Any], None]) -> None:
        def receive(data: bytes) -> None:
            try:
                callback(read_message(data, kind))
            except ChunkError as error:
                self.get_logger().debug(f"{topic} not shown: {error}")  # the executor refuses it too, and counts it
            except ObservationError as error:
                self.get_logger().warning(f"{topic} not shown: {error}", throttle_duration_sec=5.0)

        self.create_subscription(kind, topic, receive, qos, raw=True)

    def _on_joints(self, message: JointTrajectory) -> None:
        self._plan.add(JOINTS, read_joints(message, message.joint_names, len(message.points)), self._now())

    def _on_base(self, message: MultiDOFJointTrajectory) -> None:
        self._plan.add(BASE, read_base(message, len(message.points)), self._now())

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for item in message.status:
            status = read_status(item, time.monotonic(), self.get_namespace())
            if status is not None and status.part in COMPONENTS and "/" not in status.node:  # not a robot's in a namespace within ours
                self._statuses[status.part] = status

    # --- at the monitor's own rate ---

    def _publish(self) -> None:
        now = self._now()
        self._read_motion()
        stale = self._stale(now)
        markers_watched = self._markers.get_subscription_count() > 0
        paths_watched = any(p.get_subscription_count() for p in self._paths.values())
        paths: list[PlannedPath] = []
        ensembled: PlannedPath | None = None
        if (markers_watched or paths_watched) and "joint_states" not in stale:
            paths, ensembled = self._plan.paths(now, self._motion.measured)
        if markers_watched:
            self._publish_markers(paths, stale, now)
        if paths_watched and ensembled is not None:
            for name, message in self._drawing.paths(ensembled, now, self._motion.measured_stamp).items():
                self._paths[name].publish(message)
        commanded = self._motion.commanded(self._settings.lifetime)
        if commanded and self._ghost.get_subscription_count():
            positions = self._motion.measured | commanded
            ghost = JointState(name=list(positions), position=list(positions.values()))
            ghost.header.stamp = to_time(now)
            self._ghost.publish(ghost)

    def _read_motion(self) -> None:
        motion = self._motion
        for read in (motion.read_joint_states, motion.read_commands, motion.read_odometry):
            try:
                read()
            except ObservationError as error:
                self.get_logger().warning(str(error), throttle_duration_sec=5.0)
        if motion.base_stamp:
            self._driven.add(motion.base_stamp, motion.base_pose)

    def _publish_markers(self, paths: list[PlannedPath], stale: dict[str, float], now: int) -> None:
        markers = self._drawing.chunk_lines(paths, now)
        driven = self._driven.poses(now)
        if len(driven) > 1:
            markers.append(self._drawing.driven_line(seen_from(driven[-1], driven), now))
        control, inference = (None if name in stale else self._statuses[component] for component, name in COMPONENTS.items())
        level = STALE if stale or control is None else control.level
        markers.append(self._drawing.text(summary(control, inference, stale), level, now))
        self._markers.publish(MarkerArray(markers=markers))

    def _stale(self, now: int) -> dict[str, float]:
        """What is too old -> its age [s]."""
        stamp = self._motion.measured_stamp
        ages = {
            "joint_states": (now - stamp) * 1e-9 if stamp else math.inf,
            "commands": age(self._motion.commands.values(), time.monotonic()),
            "chunks": self._plan.age(now),
        }
        limits = {"chunks": max(self._settings.lifetime, self._plan.horizon)}  # a chunk that goes on for longer may be the newest one
        stale = {name: seconds for name, seconds in ages.items() if seconds > limits.get(name, self._settings.lifetime)}
        for component, name in COMPONENTS.items():
            seconds = time.monotonic() - self._statuses[component].received if component in self._statuses else math.inf
            if seconds > DIAGNOSTICS_AGE:
                stale[name] = seconds
        return stale

    def _now(self) -> int:
        return int(self.get_clock().now().nanoseconds)


def path_topic(name: str) -> str:
    """The topic of a link's path, or the base's; a link's name may have characters that a topic's may not."""
    return f"{PATHS_TOPIC}/{re.sub('[^A-Za-z0-9_]', '_', name)}"


def main(args: Sequence[str] | None = None) -> int:
    """Entry point. With `--print-urdf` it prints the URDF that the parameters lead to, for launch files, and ends."""
    choose_transport()
    arguments = sys.argv if args is None else [sys.argv[0], *args]
    if PRINT_URDF not in arguments:
        return run(MonitorNode, args)
    try:
        start_ros(arguments)
        print(MonitorNode().urdf_path.read_text())
    except NeonControlError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
