"""The node that moves the robot: chunks and joint states in, one safe command per control period out.

Wiring only: `core/control/executor.py` decides what is commanded, `core/control/supervisor.py` when. The control loop has its own thread,
paced by absolute deadlines; it takes the joint states itself.
Callbacks run in the spinning thread and only hand over. Neither torch nor ONNX Runtime is loaded here.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger
from trajectory_msgs.msg import JointTrajectory, MultiDOFJointTrajectory

from neon_control.core.common import realtime
from neon_control.core.common.errors import ChunkError, ObservationError
from neon_control.core.common.fields import setting
from neon_control.core.common.realtime import RealtimeSettings
from neon_control.core.common.statistics import Percentiles
from neon_control.core.control.chunk import BASE, JOINTS, ActionChunk
from neon_control.core.control.command import Command
from neon_control.core.control.dead_man import Hold
from neon_control.core.control.executor import MotionExecutor
from neon_control.core.control.executor_settings import ExecutorSettings
from neon_control.core.control.pacing import Pacer
from neon_control.core.control.sources import FloodLimit
from neon_control.core.control.supervisor import FOLLOWING, State, Supervisor
from neon_control.core.robot.action_space import MODES, ActionSpace
from neon_control.core.robot.base_limits import BASE_MESSAGES
from neon_control.core.robot.robot_file import load_robot
from neon_control.core.robot.topic_names import CHUNK_BASE, CHUNK_JOINTS, COMMANDER, DIAGNOSTICS, JOINT_STATES
from neon_control.core.sensing.witnesses import Witnesses
from neon_control.nodes.base_output import BaseOutput
from neon_control.nodes.chunk_messages import CHUNK_DEADLINE, CHUNK_LEASE, LATCHED, chunk_qos, read_base, read_joints
from neon_control.nodes.deafness import REJOIN_AFTER, complaint, watch_of
from neon_control.nodes.executor_diagnostics import executor_status
from neon_control.nodes.gripper_output import GripperOutput
from neon_control.nodes.joint_state_reader import JointStateReader
from neon_control.nodes.lifecycle import STEADY_CLOCK, AutostartNode, run
from neon_control.nodes.listeners import Listeners
from neon_control.nodes.outputs import STAMPS, TrajectoryOutput, create_outputs
from neon_control.nodes.parameters import declare
from neon_control.nodes.plan_publisher import PlanPublisher
from neon_control.nodes.polling import JOINT_STATES_QOS, PolledSubscription, most_taken, publisher_of
from neon_control.nodes.publisher_names import publishers, with_names
from neon_control.nodes.release_guard import refusal
from neon_control.nodes.simulated_clock import read_clock
from neon_control.nodes.stop_log import StopLog, why
from neon_control.nodes.takeover_input import TakeoverInput
from neon_control.nodes.transport import choose_transport
from neon_control.nodes.wire_sizes import check_chunk

ESTOP, RESET = "~/estop", "~/reset"
TOPICS = {JOINTS: CHUNK_JOINTS, BASE: CHUNK_BASE}
CLOCK_QOS = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
STOP_LIMIT = 1.5  # [s] longest wait for a stated stop, beyond the time that braking takes
SLOWEST_STOP = 8.0  # [s] the same in all while simulated time goes on slowly; `ros2 launch` kills a node 10 s after Ctrl-C
MAX_CHUNK_RATE, MAX_CHUNK_BURST = 200.0, 16  # [1/s], and at once: more than any policy sends
FOUND = 0.5  # [s] within which publishers of the same joints are found, one after the other
ATTEMPTS = 3  # at a command in one period, each of which became too late before it was sent


@dataclass(frozen=True)
class Parameters(ExecutorSettings):
    """ROS parameters: those of the executor, and what only a node needs."""

    robot_config: str = setting("g1.yaml", "robot description (YAML), a path or a file of the package's config/")
    mode: str = setting("arms_only", "which joints are commanded; that of the policy", choices=tuple(MODES))
    base_message: str = setting("", "message type of the base's commands; empty: the robot file's", choices=("", *BASE_MESSAGES))
    rejoin_after: float = REJOIN_AFTER
    base_frame: str = setting("", "frame of the base's velocity; empty: the robot file's")
    trajectory_stamps: str = setting(
        "shared", "how times are told to trajectory controllers; arrival: they have another clock", choices=STAMPS
    )
    chunk_deadline: float = setting(CHUNK_DEADLINE, "longest gap between chunks that is asked of the publisher", unit="s", minimum=0.01)
    chunk_lease: float = setting(CHUNK_LEASE, "silence after which the middleware takes the publisher for dead", unit="s", minimum=0.01)
    require_listeners: bool = setting(True, "do not follow the policy before every controller subscribes to its commands")
    estop_release_nodes: tuple[str, ...] = setting(
        (), "full names of the nodes that may release and reset the e-stop, for example /monitor; empty: anybody"
    )
    realtime: RealtimeSettings = field(default_factory=RealtimeSettings)


class ExecutorNode(AutostartNode):
    """See the module's text."""

    def __init__(self, **options: object) -> None:
        super().__init__("executor_node", **options)
        self._settings = declare(self, Parameters)
        self._simulated_time = bool(self.get_parameter("use_sim_time").value)
        self._thread: threading.Thread | None = None
        self._supervisor = Supervisor()  # of the node, not of a configuration: no transition may unlatch an e-stop
        self._complaint = ""  # about the newest joint state that was refused
        self._explained = ""  # why the policy was not followed, at the last report
        self.create_service(SetBool, ESTOP, self._on_estop)
        self.create_service(Trigger, RESET, self._on_reset)

    # --- transitions ---

    def configure(self) -> None:
        """Check robot and limits, create publishers and subscriptions; nothing is sent yet."""
        parameters = self._settings
        robot = load_robot(parameters.robot_config)
        names = ActionSpace.from_robot(robot, parameters.mode).joint_names
        self._robot_name = robot.name
        ranges = (robot.limits(names, limit) for limit in ("lower", "upper", "max_velocity"))
        witnesses = Witnesses(names, *ranges, jumping=robot.gripping, met_for=FOUND)
        self._motion = MotionExecutor(robot, names, parameters, self._supervisor, witnesses, stepped_clock=self._simulated_time)
        messages = parameters.base_message, parameters.base_frame, parameters.trajectory_stamps
        lifespan = None if self._simulated_time else 0.5 * parameters.command_lead
        self._outputs = create_outputs(self, robot, names, self._motion.period, *messages, lifespan, lambda: self._supervisor.state)
        bases = [output for output in self._outputs if isinstance(output, BaseOutput)]
        self._grippers = [output for output in self._outputs if isinstance(output, GripperOutput)]
        topics = [*(controller.topic for controller in robot.streamed), *(base.topic for base in bases)]
        self._listeners = Listeners(self, topics, [*(base.decide for base in bases), *(gripper.missing for gripper in self._grippers)])
        self._takeover = TakeoverInput(self, self._motion.takeover, robot.base is not None)
        self._refused_takeover = ""  # the newest complaint that was logged
        self._commander, self._commanding = self.create_publisher(String, COMMANDER, LATCHED), ""
        self._tell_commander()
        self._plans = PlanPublisher(self, robot.base is not None)
        self._stops = StopLog(self._motion, self._listeners)
        if self._motion.guard is not None and self._motion.guard.without:
            self.get_logger().warning(
                f"no clearance is kept to {', '.join(f'{n} ({why})' for n, why in self._motion.guard.without.items())}"
            )
        self._lateness, self._compute = Percentiles(), Percentiles()
        self._pacer: Pacer | None = None
        self._diagnostics = self.create_publisher(DiagnosticArray, DIAGNOSTICS, 10)
        self._clock_messages = PolledSubscription(self, ClockMessage, "/clock", CLOCK_QOS) if self._simulated_time else None
        self._clock_time = 0  # [ns]
        self._joint_states = PolledSubscription(self, JointState, JOINT_STATES, JOINT_STATES_QOS, most_taken(parameters.rate_hz))
        self._reader = JointStateReader()
        self._deafness = watch_of(self, parameters.rejoin_after)
        self._deafness.watch(JOINT_STATES, lambda: self._joint_states.received)
        steps = parameters.chunk_steps
        self._subscribe(JOINTS, JointTrajectory, len(names), lambda message: read_joints(message, names, steps))
        if robot.base is not None:
            self._subscribe(BASE, MultiDOFJointTrajectory, 1, lambda message: read_base(message, steps))
        self._made_anew = 0  # commands that became too late before they were sent
        self._held_up = 0  # messages that were late while they were sent
        self._ticks, self._reported = 0, (time.monotonic(), 0)  # ticks so far; time and ticks at the last report
        # A steady clock: a paused simulation still reports.
        self.create_timer(1.0, self._publish_diagnostics, clock=STEADY_CLOCK)
        self.get_logger().info(
            f"{robot.name}, {parameters.mode}: {len(names)} joints at {parameters.rate_hz:g} Hz, "
            f"ensembles: {parameters.joints.method} (joints), {parameters.base.method} (base)"
        )

    def activate(self) -> None:
        """Start the control thread; it waits for joint states of all joints before it sends anything."""
        self._motion.restart()
        self._takeover.drop()
        self._running = True
        self._plans.start()
        self._pacer = Pacer(self._motion.period, self._now if self._simulated_time else None, lambda: self._running)
        self._thread = threading.Thread(target=self._control, name="control", daemon=True)
        self._thread.start()

    def deactivate(self) -> None:
        """Stop: joints decelerate and hold, the base goes to zero; then the control thread ends."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        begin, seen = time.monotonic(), self._clock_time
        self._supervisor.request_stop()
        thread.join(self._motion.longest_stop + STOP_LIMIT)
        while seen != self._clock_time and thread.is_alive() and time.monotonic() < begin + SLOWEST_STOP:  # a slow simulation
            seen = self._clock_time
            thread.join(STOP_LIMIT)
        if thread.is_alive():  # simulated time stands still, or the arm cannot follow
            self.get_logger().warning(f"no standstill within {time.monotonic() - begin:.1f} s; no more commands are sent")
        self._running = False
        thread.join(STOP_LIMIT)
        self._plans.stop()

    # --- the control thread ---

    def _control(self) -> None:
        try:
            for refusal in realtime.apply(self._settings.realtime):
                self.get_logger().warning(refusal)
            while self._running and not self._period():
                pass
        except Exception:  # a defect: end the process, so that the controllers' own time-outs act
            self.get_logger().fatal(f"control loop ended: {traceback.format_exc()}")
            self.failed = True

    def _period(self) -> bool:
        """Wait for the next deadline and send one command; True when stopped."""
        tick = None if self._pacer is None else self._pacer.wait()
        if tick is None or not self._running:  # given up while simulated time stood still: `deactivate` has said that no more is sent
            return True
        start = time.perf_counter()
        self._take_joint_states()
        self._takeover.take(self._now(), time.monotonic_ns())
        self._motion.listened = not self._settings.require_listeners or self._listeners.complete()
        for _ in range(ATTEMPTS):
            command = self._motion.tick(self._now(), time.monotonic_ns())
            if command is None or self._send(command):
                break
            self._made_anew += 1
        if (outlook := self._motion.outlook(self._plans.wanted)) is not None:
            self._plans.offer(outlook)
        self._lateness.add(tick.lateness)
        self._compute.add(time.perf_counter() - start)
        self._ticks += 1
        self._stops.note()
        self._tell_commander()
        return self._supervisor.state is State.STOPPED

    def _send(self, command: Command) -> bool:
        """To all outputs; False: it became too late for some of them, which were left out."""
        for output in self._outputs:
            if isinstance(output, TrajectoryOutput):
                output.prepare(command)
        for i, output in enumerate(self._outputs):
            now = self._now()
            if now > command.latest:
                for left in self._outputs[i:]:
                    self._motion.withdraw(left.controller)
                return False
            output.send(command, now)
            if not output.controller or output.controller in command.trajectories:
                returned = self._now()
                if returned - now >= command.splice - command.latest:  # longer than it lives: nobody knows whether it arrived
                    self._held_up += 1
                    self._motion.withdraw(output.controller, returned)
            else:
                self._motion.sent(output.controller, now)
        return True

    def _take_joint_states(self) -> None:
        arrival = time.monotonic_ns()
        for data, info in self._joint_states.take_with_info():
            try:
                self._motion.add_joint_states(*self._reader.read(data), publisher_of(info), arrival)
            except ObservationError as error:
                self._motion.reject("joint_states", "refused")
                self._complaint = str(error)  # logged by another thread: a log may block

    def _tell_commander(self) -> None:
        if (commander := self._motion.commander) != self._commanding:
            self._commanding = commander
            self._commander.publish(String(data=commander))

    def _now(self) -> int:
        """Time [ns] of the stamps; when simulated, 0 before the first /clock.

        The control thread reads /clock itself: the thread that spins waits for the stop in `deactivate`, just when time must go on.
        """
        if self._clock_messages is None:
            return time.time_ns()
        for data in self._clock_messages.take():
            with contextlib.suppress(ObservationError):  # the node counts and tells it
                self._clock_time = read_clock(data)
        return self._clock_time

    # --- callbacks ---

    def _subscribe(self, stream: str, kind: type, numbers: int, read: Callable[[Any], ActionChunk]) -> None:
        """Subscribe to a chunk stream; its messages, and the loss of its publisher, go to the executor. `numbers`: a point has."""

        topic, limit, alive = TOPICS[stream], FloodLimit(MAX_CHUNK_RATE, MAX_CHUNK_BURST), 0
        heard: float | None = None  # [s]

        def living() -> int:
            return self.count_publishers(topic) if self._simulated_time else alive

        def receive(data: Any, info: Any) -> None:
            nonlocal heard
            heard = time.monotonic()
            if not limit.allow(heard):  # raw, because reading costs a hundred times more than this
                self._motion.reject(stream, "flood")
                return
            source = info.get("publisher_gid")
            if source is None and living() > 1:  # Jazzy: a chunk does not say whose it is, and two policies must not be averaged
                self._motion.reject(stream, "other_publisher")
                return
            try:
                check_chunk(data, numbers, self._settings.chunk_steps)
                chunk = read(deserialize_message(data, kind))
            except (ChunkError, RuntimeError, ValueError) as error:  # the latter two: bytes that are no such message
                self._motion.reject(stream, error.reason if isinstance(error, ChunkError) else "malformed")
                self.get_logger().warning(f"{topic} refused: {error}", throttle_duration_sec=5.0)
            else:
                self._motion.add_chunk(stream, chunk, source)

        def overdue(event: Any) -> None:
            self._motion.publisher_lost(stream)

        def liveliness(event: Any) -> None:
            nonlocal alive
            alive = event.alive_count
            if event.alive_count == 0:
                self._motion.publisher_lost(stream)

        if self._simulated_time:  # the middleware measures in real time: its deadlines mean nothing then
            qos, events = chunk_qos(deadline=None, lease=None), None
        else:
            qos = chunk_qos(self._settings.chunk_deadline, self._settings.chunk_lease)
            events = SubscriptionEventCallbacks(deadline=overdue, liveliness=liveliness)
        self.create_subscription(kind, topic, receive, qos, event_callbacks=events, raw=True)
        self._deafness.watch(topic, lambda: heard)

    def _on_estop(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        if not request.data and (stranger := refusal(self, ESTOP, self._settings.estop_release_nodes)):
            response.message = stranger
            self.get_logger().warning(f"e-stop not released: {stranger}")
            return response
        self._supervisor.press_estop(request.data)
        response.success = True
        response.message = "stopping" if request.data else "released; call ~/reset to go on"
        self.get_logger().warning(f"e-stop {'pressed' if request.data else 'released'}")
        if self._thread is not None:
            self._publish_diagnostics()  # drivers of robots read it, too: they should not have to wait for it
        return response

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if stranger := refusal(self, RESET, self._settings.estop_release_nodes):
            response.message = stranger
            self.get_logger().warning(f"e-stop not reset: {stranger}")
            return response
        response.success = self._supervisor.reset()
        response.message = "e-stop cleared" if response.success else "the e-stop is still pressed; release it first"
        return response

    def _publish_diagnostics(self) -> None:
        if self._complaint:
            self.get_logger().warning(with_names(self._complaint, self, JOINT_STATES), throttle_duration_sec=5.0)
            self._complaint = ""
        if self._motion.too_late:
            self.get_logger().warning(self._motion.too_late, throttle_duration_sec=5.0)
        if self._motion.takeover.complaint != self._refused_takeover:
            self._refused_takeover = self._motion.takeover.complaint
            self.get_logger().warning(self._refused_takeover, throttle_duration_sec=5.0)
        self._listeners.look()
        self._takeover.look()
        cause, reason = self._explain()
        now, ticks = time.monotonic(), self._ticks
        works = self._supervisor.state in FOLLOWING
        deaf = self._deafness.deaf(now, works)
        latched = self._supervisor.estopped or self._motion.takeover.state is not Hold.OFF
        if deaf and not works and not latched:  # the latch would end with this node
            self.rejoin(complaint(deaf))
        (before, ticks_before), self._reported = self._reported, (now, ticks)
        loop: dict[str, object] = {
            "rate_hz": (ticks - ticks_before) / (now - before),
            "ticks": ticks,
            "made_anew": self._made_anew,
            "plans_told": self._plans.told,
            "held_up": self._held_up,
            "clock_refused": self.clock_refused,
            "deadlines_skipped": self._pacer.skipped if self._pacer else 0,
            "deaf_to": ", ".join(deaf) or "none",
            "estop": "pressed" if self._supervisor.estopped else "released",
            **{f"gripper/{output.controller}": output.told for output in self._grippers},
            "last_stop": with_names(self._stops.last, self, JOINT_STATES) or "none",
            **{f"publishers/{stream}": self.count_publishers(TOPICS[stream]) for stream in self._motion.streams},
        }
        windows = self._lateness, self._compute
        array = executor_status(self.status_name("control"), self._robot_name, self._motion, loop, *windows, reason, cause)
        array.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(array)

    def _explain(self) -> tuple[str, str]:
        """The cause why the policy is not followed, and more about it; logged if it stays so. Of stops see `StopLog`."""
        log, cause = self.get_logger(), self._supervisor.cause
        for line in self._stops.take(time.monotonic()):
            log.warning(with_names(line, self, JOINT_STATES))
        reason = with_names(why(self._motion, self._listeners, cause), self, JOINT_STATES)
        if cause in ("joint_states", "listeners") and self._thread is not None:
            if self._explained == cause:  # not for what passes while nodes find each other
                senders = f" [publishers of joint_states: {publishers(self, JOINT_STATES) or 'none'}]" if cause == "joint_states" else ""
                log.warning(f"{self._supervisor.state.value} ({cause}): {reason}{senders}", throttle_duration_sec=5.0)
            self._explained = cause
        else:
            self._explained = ""
        return cause, reason


def main(args: Sequence[str] | None = None) -> int:
    """Entry point."""
    choose_transport()
    sys.setswitchinterval(realtime.SWITCH_INTERVAL)
    return run(ExecutorNode, args)


if __name__ == "__main__":
    sys.exit(main())
