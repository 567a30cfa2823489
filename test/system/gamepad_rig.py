"""A gamepad that a test holds, and the real `neon_control teleop` process behind it; and who leads, as the executor says."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from executor_rig import Rig
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Joy
from std_msgs.msg import String
from waiting import wait_until

RATE = 50.0  # [Hz] at which the gamepad speaks
ENABLE, GIVE_BACK = 4, 0  # buttons
JOINTS = ("left_elbow_joint", "right_shoulder_pitch_joint", "left_wrist_yaw_joint")  # axes 2, 3, 4
FILE = {
    "base": {"vx": {"axis": 0, "scale": 0.5}, "yaw_rate": {"axis": 1, "scale": 1.0}},
    "joints": {name: {"axis": 2 + i, "scale": 0.8} for i, name in enumerate(JOINTS)},
    "jog": False,
}
LIMIT = 60.0  # [s]


class Pad:
    """See the module's text.

    Attributes:
        axes: five, of what `FILE` says.
        held: the enabling button.
        leaders: who led, and since when [s, monotonic], in order.
    """

    def __init__(self, rig: Rig, folder: Path) -> None:
        self._rig = rig
        self._map = folder / "pad.yaml"
        self._map.write_text(yaml.safe_dump(FILE))
        self.axes, self.held, self._gives_back = [0.0] * 5, False, False
        self.leaders: list[str] = []
        self._publisher = rig.robot.node.create_publisher(Joy, "joy", 1)
        latched = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        rig.robot.node.create_subscription(String, "commander", lambda message: self.leaders.append(message.data), latched)
        self._running = threading.Event()
        self._thread = threading.Thread(target=self._speak, daemon=True)
        self.process = self.start()
        self._thread.start()

    def start(self) -> subprocess.Popen[str]:
        """The process behind it; the rig ends it."""
        process = self._rig._start(
            *("-m", "neon_control.tools.cli", "teleop", "--source", "joy", "--map", str(self._map), "--robot", str(self._rig.file))
        )
        self._rig.players.insert(0, process)
        self.process = process
        return process

    def _speak(self) -> None:
        while not self._running.wait(1.0 / RATE):
            buttons = [0] * 8
            buttons[ENABLE], buttons[GIVE_BACK] = int(self.held), int(self._gives_back)
            self._publisher.publish(Joy(axes=list(self.axes), buttons=buttons))

    def close(self) -> None:
        self._running.set()
        self._thread.join()

    @property
    def leader(self) -> str:
        return self.leaders[-1] if self.leaders else ""

    def wait_for(self, leader: str, limit: float = LIMIT) -> None:
        """Until it leads."""
        wait_until(lambda: self.leader == leader, limit, f"{leader} in command; {self._rig.robot.status.get('why')}", interval=0.005)

    def take(self) -> None:
        """Take over, and wait until that is so."""
        self.held = True
        self.wait_for("takeover")

    def give_back(self) -> None:
        """Give back to the policy, and wait until it leads."""
        self.held, self._gives_back, self.axes = False, True, [0.0] * 5
        self.wait_for("policy")
        self._gives_back = False


@contextmanager
def gamepad(rig: Rig, folder: Path) -> Iterator[Pad]:
    """A pad in the hand while the rig runs."""
    built = Pad(rig, folder)
    try:
        yield built
    finally:
        built.close()
