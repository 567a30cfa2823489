"""An executor process, a chunk player process and a simulated arm around them; everything on the wire is recorded here."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import rclpy
import yaml
from chunk_player import POSE
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import Twist, TwistStamped
from lifecycle_msgs.srv import ChangeState
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory
from waiting import wait_until
from wire_limits import Recording, WireLimits, at, base_violations, joint_violations, overdue

from neon_control.core.common.paths import find_file
from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.robot import ControllerConfig
from neon_control.core.robot.robot_file import load_robot
from neon_control.nodes.chunk_messages import to_time

PLAYER = Path(__file__).with_name("chunk_player.py")
MOST_STEPS = 8  # periods that are told anew at once
LAG = 0.03  # [s] first-order lag of the simulated joints
STATE_RATE = 200.0  # [Hz]
# Parameters with which a busy computer is no fault, for tests of something else; the player then needs `--dt 0.1`.
PATIENT = {"chunk_timeout": 1.5, "joint_state_timeout": 2.0, "chunk_deadline": 4.0, "chunk_lease": 2.0, "command_lead": 0.2}


@dataclass
class Arm:
    """What one controller was sent."""

    names: list[str]
    columns: np.ndarray  # places of its joints among the robot's
    limits: WireLimits
    turning: np.ndarray  # which of its joints turn without end
    commands: Recording = field(default_factory=Recording)


class Robot:
    """Joint states at 200 Hz that follow the commands with a lag, and the recording of all commands. Runs in two threads."""

    def __init__(
        self, domain: int, file: Path, mode: str, sim_time: bool, clock_rate: float, drivers: Sequence[tuple[Sequence[str], int]] = ()
    ) -> None:
        description = load_robot(file)
        self._wire = description.wire
        self.names = list(ActionSpace.from_robot(description, mode).joint_names)
        self.limits = WireLimits.read(file, self.names)
        self.arms: list[Arm] = []
        self.base = Recording()
        self.status: dict[str, str] = {}
        self.reports = 0
        self.position = 0.5 * (self.limits.lower + self.limits.upper)  # [rad]
        self.reported = lambda position: position  # what drivers say of it
        self.on_message: Callable[[JointTrajectory], object] = lambda message: None  # told each trajectory as it came
        self.pushes: deque[float] = deque()  # [rad] by which somebody moves all joints, one in each of its periods
        self.least, self.most = (np.full(len(self.names), end) for end in (-np.inf, np.inf))  # [rad or m] beyond, something is in the way
        self.publishing = True  # joint states
        self.poisoned = False  # joint states are NaN
        self.tells_time = True  # joint states carry the time
        self.clock_rate = clock_rate  # seconds of /clock in one of the monotonic clock, when simulated
        self._wall = time.time() - time.monotonic()  # [s]
        self.clock_offset = 100.0 - clock_rate * time.monotonic()  # [s]
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=domain)
        self.node = rclpy.create_node("robot", context=self._context)
        # Which joints each driver speaks of, and in which of the periods; those that are not of the robot file are wheels.
        self._drivers = [
            (tuple(names), every, self.node.create_publisher(JointState, "joint_states", 5))
            for names, every in drivers or ((self.names, 1),)
        ]
        self._clock = self.node.create_publisher(Clock, "/clock", 5) if sim_time else None
        for controller in description.streamed:
            if set(controller.joints) <= set(self.names):
                self._listen(file, controller)
        deep = QoSProfile(depth=1000)
        if description.base is not None and description.base.message == "twist":
            self.node.create_subscription(Twist, description.base.topic, self._on_base, deep)
        else:
            self.node.create_subscription(TwistStamped, "cmd_vel", lambda m, i: self._on_base(m.twist, i), deep)
        self.node.create_subscription(Twist, "cmd_vel_unstamped", self._on_base, deep)
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        self._spinner = SingleThreadedExecutor(context=self._context)
        self._spinner.add_node(self.node)
        self._running = True
        self._threads = [threading.Thread(target=self._spin), threading.Thread(target=self._drive)]
        for thread in self._threads:
            thread.start()

    def wrapped(self, position: np.ndarray) -> np.ndarray:
        """Positions (J,) as drivers tell them that know one turn only, of joints that turn without end."""
        turning = np.array([n in self._wire.turning for n in self.names])
        return np.where(turning, np.remainder(position + np.pi, 2.0 * np.pi) - np.pi, position)

    @property
    def joints(self) -> Recording:
        """Commands to the first controller."""
        return self.arms[0].commands

    def now(self) -> int:
        """[ns] on the clock of the stamps."""
        return self.stamped(time.time_ns())

    def stamped(self, wall: int) -> int:
        """A time of the system's clock [ns] on the clock of the stamps."""
        return wall if self._clock is None else round((self.clock_offset + self.clock_rate * (wall * 1e-9 - self._wall)) * 1e9)

    def _listen(self, file: Path, controller: ControllerConfig) -> None:
        names = list(controller.joints)
        turning = np.array([n in self._wire.turning for n in names])
        arm = Arm(names, np.array([self.names.index(n) for n in names]), WireLimits.read(file, names), turning)
        self.arms.append(arm)

        def record(positions: np.ndarray, info: dict) -> None:
            arm.commands.sent.append(self.stamped(info["source_timestamp"]))
            arm.commands.numbers.append(info["publication_sequence_number"])
            arm.commands.values.append(positions)
            arm.commands.times.append(time.monotonic())

        def on_trajectory(message: JointTrajectory, info: dict) -> None:
            self.on_message(message)
            order = [message.joint_names.index(n) for n in self._wire.names(names)]
            begin = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
            times = np.array([begin + p.time_from_start.sec * 10**9 + p.time_from_start.nanosec for p in message.points])
            positions, velocities = (np.array([getattr(p, f) for p in message.points])[:, order] for f in ("positions", "velocities"))
            if arm.turning.any() and arm.commands.ways:  # a message may be moved by whole turns
                gap = arm.commands.ways[-1][1][-1] - positions[0]
                positions = positions + np.where(arm.turning, 2.0 * np.pi * np.rint(gap / (2.0 * np.pi)), 0.0)
            arm.commands.ways.append((times, positions, velocities))
            record(at(arm.commands.ways[-1], self.now())[0], info)

        def on_positions(message: Float64MultiArray, info: dict) -> None:
            record(np.array(message.data), info)

        kind, callback = (Float64MultiArray, on_positions) if controller.type == "position" else (JointTrajectory, on_trajectory)
        self.node.create_subscription(kind, controller.topic, callback, QoSProfile(depth=1000))

    def _spin(self) -> None:
        while self._running:
            self._spinner.spin_once(timeout_sec=0.05)

    def _drive(self) -> None:
        pause = threading.Event()
        deadline = time.monotonic()
        period, before = 0, self.now()
        while self._running:
            deadline = max(deadline + 1.0 / STATE_RATE, time.monotonic() - 0.02)  # no long burst after a stall of the machine
            pause.wait(max(0.0, deadline - time.monotonic()))
            position = self.position
            # By the time that has passed between two stamps: after a stall several periods follow at once, in which nothing moves far.
            now = self.now()
            gain = 1.0 - np.exp(-np.clip((now - before) * 1e-9, 0.0, self.clock_rate) / LAG)
            before = now
            # One push each time: what jumps is no measurement that is believed. Who pushes is stronger than the motors.
            if self.pushes:
                position = position + self.pushes.popleft()
            else:
                for arm in self.arms:
                    if arm.commands.values:
                        wanted = at(arm.commands.ways[-1], now)[0] if arm.commands.ways else arm.commands.values[-1]
                        position = position.copy()
                        gap = wanted - position[arm.columns]
                        gap[arm.turning] -= 2.0 * np.pi * np.rint(gap[arm.turning] / (2.0 * np.pi))  # its motor knows no turns
                        position[arm.columns] += gain * gap
            self.position = position = np.clip(position, self.least, self.most)
            if self._clock is not None:
                self._clock.publish(Clock(clock=to_time(now)))
            if self.publishing:
                said = dict(zip(self.names, (self.reported(position) * (np.nan if self.poisoned else 1.0)).tolist(), strict=True))
                for names, every, publisher in self._drivers:
                    if period % every == 0:
                        message = JointState(name=self._wire.names(names), position=[said.get(n, 0.02 * period) for n in names])
                        message.header.stamp = to_time(now if self.tells_time else 0)
                        publisher.publish(message)
            period += 1

    def _on_base(self, twist: Twist, info: dict) -> None:
        self.base.sent.append(info["source_timestamp"])
        self.base.numbers.append(info["publication_sequence_number"])
        self.base.values.append(np.array([twist.linear.x, twist.linear.y, twist.angular.z]))
        self.base.times.append(time.monotonic())

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == "executor_node: control":
                self.status = {v.key: v.value for v in status.values}
                self.reports += 1

    def close(self) -> None:
        """End the threads and leave DDS."""
        self._running = False
        for thread in self._threads:
            thread.join()
        self._spinner.shutdown()
        self.node.destroy_node()
        self._context.try_shutdown()


class Rig:
    """The three of them. `rate` [Hz] is that of the executor."""

    def __init__(
        self,
        domain: int,
        robot: str | Path = "g1.yaml",
        mode: str = "arms_only",
        rate: float = 100.0,
        sim_time: bool = False,
        clock_rate: float = 1.0,
        drivers: Sequence[tuple[Sequence[str], int]] = (),
        remap: Sequence[str] = (),
        program: Sequence[str] = ("-m", "neon_control.nodes.executor_node"),
        **parameters: object,
    ) -> None:
        self.rate, self.mode, self.sim_time, self.file = rate, mode, sim_time, find_file(robot, "config")
        self.environment = {**os.environ, "ROS_DOMAIN_ID": str(domain)}
        self.robot = Robot(domain, self.file, mode, sim_time, clock_rate, drivers)
        given = {
            **{"robot_config": self.file, "mode": mode, "rate_hz": rate, "use_sim_time": sim_time},
            **{"start_ramp": 0.5, "resume_ramp": 0.3, **parameters},
        }
        arguments = [a for k, v in given.items() for a in ("-p", f"{k}:={str(v).lower() if isinstance(v, bool) else v}")]
        arguments += [a for rule in remap for a in ("-r", rule)]
        self.players: list[subprocess.Popen[str]] = []
        self.executor = self._start(*program, "--ros-args", *arguments)

    def _start(self, *command: str) -> subprocess.Popen[str]:
        return subprocess.Popen([sys.executable, *command], env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    @property
    def dt(self) -> float:
        """[s] control period."""
        return 1.0 / self.rate

    def start_player(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a chunk player process."""
        sim = ["--sim-time"] if self.sim_time else []
        player = self._start(str(PLAYER), "--robot", str(self.file), "--mode", self.mode, *sim, *arguments)
        self.players.append(player)
        return player

    @property
    def player(self) -> subprocess.Popen[str]:
        """The newest player."""
        return self.players[-1]

    def play(self, mode: str) -> float:
        """Set the newest player's mode; returns the time (monotonic, [s]) of the first message sent in it."""
        self.player.stdin.write(mode + "\n")
        self.player.stdin.flush()
        while True:
            said, moment = self.player.stdout.readline().split()
            if said == mode:
                return float(moment)

    def ask_for(self, positions: np.ndarray) -> float:
        """Let the newest player ask for one pose (J,) [rad]; the same time."""
        return self.play(POSE + ",".join(f"{q:.4f}" for q in positions))

    def moving(self) -> bool:
        """Whether the last commands moved the base at its cruising speed, and the joints."""
        since = time.monotonic() - max(0.2, 8.0 * self.dt / self.robot.clock_rate)
        base, joints = self.robot.base.since(since), self.robot.joints.since(since)
        return (
            len(base.values) > 5
            and all(v[0] > 0.35 for v in base.values)
            and len(joints.values) > 5
            and bool((np.abs(joints.values[-1] - joints.values[0]) > 0.001).any())
        )

    def wait_moving(self, timeout: float = 60.0) -> None:
        """Wait until the policy is followed at full speed."""

        def moving() -> bool:
            for name, process in (("executor", self.executor), ("player", self.player)):
                if process.poll() is not None:
                    raise AssertionError(f"the {name} process has ended with {process.returncode}")
            return self.moving()

        try:
            wait_until(moving, timeout, "motion")
        except AssertionError as error:
            raise AssertionError(f"{error}; last status of the executor: {self.robot.status}") from None

    def wait_base_stopped(self, timeout: float = 3.0) -> None:
        """Wait until the last base command is exactly zero."""
        wait_until(lambda: self.robot.base.values and not self.robot.base.values[-1].any(), timeout, "a zero base command", interval=0.005)

    def call(self, service: str, kind: type, request: object, limit: float = 5.0) -> object:
        """Call a service of the executor, which is to answer within `limit` [s].

        An answer is lost if the executor has not found this node's reader yet: what may be asked for twice is asked for again.
        """
        client = self.robot.node.create_client(kind, f"/executor_node/{service}")
        try:
            wait_until(client.service_is_ready, 20.0, f"the service {service}")  # a process that starts
            futures = [client.call_async(request)]
            if kind is not ChangeState:
                with contextlib.suppress(AssertionError):
                    wait_until(futures[0].done, 0.5 * limit, "")
                futures += [client.call_async(request)] if not futures[0].done() else []
            wait_until(lambda: any(f.done() for f in futures), limit, f"the answer of {service}")
            return next(f.result() for f in futures if f.done())
        finally:
            self.robot.node.destroy_client(client)

    def run_for(self, seconds: float) -> None:
        """Let things happen."""
        threading.Event().wait(seconds)

    def report(self, fresh: int = 2) -> dict[str, str]:
        """The executor's diagnostics, not older than this call."""
        target = self.robot.reports + fresh
        wait_until(lambda: self.robot.reports >= target, 2.0 * fresh + 3.0, "diagnostics")
        return self.robot.status

    def violations(self, since: float = 0.0) -> list[str]:
        """What the wire says against the limits; trajectories that were held up while they were sent count as `without_overdue` says."""
        found = base_violations(self.robot.base.since(since), self.robot.limits, self.dt)
        for arm in self.robot.arms:
            against = joint_violations(arm.commands.since(since), arm.limits, self.dt)
            if against:
                commands, late = without_overdue(arm, since, self.dt)
                if late and self.executor.poll() is None and int(self.report()["held_up"]) >= late:
                    against = joint_violations(commands, arm.limits, self.dt)
            found += against
        return found

    def close(self) -> None:
        """End the robot and all processes, in this order.

        A process that is killed while it writes to the shared memory of another leaves a lock there that nobody opens, and Fast DDS 3.2
        crashes where the participant to whom it belongs is deleted before its own thread has noticed and made the port anew.
        """
        processes = (*self.players, self.executor)
        for process in processes:
            process.send_signal(signal.SIGCONT)  # who is frozen holds locks as well
        self.robot.close()
        for process in processes:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()


def without_overdue(arm: Arm, since: float, dt: float) -> tuple[Recording, int]:
    """What a controller was sent, without trajectories that came too late; and how many those are.

    A trajectory that is held up while it is sent may reach its controller when the joints are on their way to rest. It then moves them at
    once, by what it told anew: one period, or after a stall as many as are made up for at once. The executor counts these, and no
    other message may do that.
    """
    commands = arm.commands.since(since)
    jumps = overdue(commands)
    assert all((jump <= MOST_STEPS * arm.limits.velocity * dt).all() for jump in jumps.values()), jumps
    return commands.without(jumps), len(jumps)


def write_g1(folder: Path, **sections: object) -> Path:
    """The G1's robot file with other sections."""
    source = find_file("g1.yaml", "config")
    data = yaml.safe_load(source.read_text())
    file = folder / "robot.yaml"
    file.write_text(yaml.safe_dump({**data, "urdf": str((source.parent / data["urdf"]).resolve()), **sections}, sort_keys=False))
    return file


def position_controllers(folder: Path) -> Path:
    """The G1 with controllers that take one set point at a time."""
    controllers = yaml.safe_load(find_file("g1.yaml", "config").read_text())["controllers"]
    changed = {name: {**c, "topic": f"{name}/commands", "type": "position"} for name, c in controllers.items()}
    return write_g1(folder, controllers=changed)


@contextlib.contextmanager
def rig(domain: int, **options: object) -> Iterator[Rig]:
    """A rig that is taken down afterwards."""
    built = Rig(domain, **options)
    try:
        yield built
    finally:
        built.close()
