"""A controller output of one's own: commands go to a robot that takes JSON over UDP, instead of to ros2_control.

python examples/custom_output.py [host] [port]
"""

import json
import socket
import sys
import time

from neon_control import ActionSpace, Command, MotionExecutor, load_robot


class UdpOutput:
    """Has the one method of `neon_control.Output`."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.address, self.socket = address, socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def send(self, command: Command, now: int) -> None:  # now [ns]
        message = {"stamp": now, "positions": command.positions.tolist(), "velocities": command.velocities.tolist()}  # [rad], [rad/s]
        self.socket.sendto(json.dumps(message).encode(), self.address)


host, port = (*sys.argv[1:], *("127.0.0.1", "9750")[len(sys.argv) - 1 :])
robot = load_robot("arm6.yaml")
names = ActionSpace.from_robot(robot, "arms_only").joint_names
executor, output = MotionExecutor(robot, names), UdpOutput((host, int(port)))

for _ in range(50):  # half a second; without chunks the executor holds the measured pose
    now = time.monotonic_ns()
    executor.add_joint_states(now, names, [0.1] * len(names))  # here: what the robot reports
    if (command := executor.tick(now)) is not None:
        output.send(command, now)
    time.sleep(executor.period)
print(f"{executor.supervisor.state.value}: sent to {host}:{port}")
