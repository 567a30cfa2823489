"""Tells what the executor will command, in a thread of its own: to foresee takes as long as several periods of control.

That no policy is followed is told always, and kept for who comes later. The rest is worked out only while somebody listens, and of two
outlooks that wait the newer one alone: a reader never gets more of them than there are chunks.
"""

from __future__ import annotations

import threading
import traceback

from rclpy.node import Node
from trajectory_msgs.msg import JointTrajectory, MultiDOFJointTrajectory

from neon_control.core.control.chunk import BASE, JOINTS
from neon_control.core.control.foresight import Foreseen, Outlook
from neon_control.core.robot.topic_names import PLAN_BASE, PLAN_JOINTS
from neon_control.nodes.chunk_messages import PLAN_QOS, base_plan_message, joint_plan_message

LOOK_FOR_READERS = 0.25  # [s]
END_LIMIT = 1.0  # [s]


class PlanPublisher:
    """The topics of what `node` foresees: of the joints, and of a robot's base.

    Attributes:
        wanted: whether somebody listens, as of a quarter of a second ago.
        told: how often something was foreseen and published.
    """

    def __init__(self, node: Node, base: bool) -> None:
        self._node = node
        self._joints = node.create_publisher(JointTrajectory, PLAN_JOINTS, PLAN_QOS)
        self._base = node.create_publisher(MultiDOFJointTrajectory, PLAN_BASE, PLAN_QOS) if base else None
        self.wanted = False
        self.told = 0
        self._newest: Outlook | None = None
        self._lock = threading.Lock()
        self._offered = threading.Event()
        self._running = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to publish what is offered."""
        self._running = True
        self._thread = threading.Thread(target=self._run, name="plan", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, after what was offered before."""
        self._running = False
        self._offered.set()
        if self._thread is not None:
            self._thread.join(END_LIMIT)

    def offer(self, outlook: Outlook) -> None:
        """Take what is to be told; returns at once."""
        with self._lock:
            self._newest = outlook.after(self._newest)
        self._offered.set()

    def _run(self) -> None:
        running = True
        while running:
            self._offered.wait(LOOK_FOR_READERS)
            self._offered.clear()
            running = self._running
            try:
                self._tell()
                self.wanted = self._joints.get_subscription_count() > 0
            except Exception:  # commands do not depend on it, and readers take silence for what it is
                self._node.get_logger().error(f"what will be commanded is not told: {traceback.format_exc()}", throttle_duration_sec=5.0)

    def _tell(self) -> None:
        with self._lock:
            outlook, self._newest = self._newest, None
        if outlook is None:
            return
        for foreseen in outlook.tidings():
            self._publish(foreseen)
        self.told += outlook.followed is not None

    def _publish(self, foreseen: dict[str, Foreseen]) -> None:
        self._joints.publish(joint_plan_message(foreseen[JOINTS]))
        if self._base is not None:
            self._base.publish(base_plan_message(foreseen[BASE]))
