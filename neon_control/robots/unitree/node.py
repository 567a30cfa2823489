"""The driver of a Unitree G1: between our controllers' topics and the robot's own DDS.

Wiring: `driver.py` decides what the arms are sent, `sport.py` and `base.py` what the sport service is asked, `link.py` speaks DDS. The
control thread takes what the robot measures, publishes it, takes commands, and writes to the arms at absolute deadlines. Callbacks run
where the node is spun. It listens to commands only while it has the arms: an executor that nobody hears does not follow its policy.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.client import Client
from std_srvs.srv import SetBool, Trigger

from neon_control.core.common import realtime
from neon_control.core.common.errors import ConfigError, ObservationError
from neon_control.core.common.fields import setting
from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.common.realtime import RealtimeSettings
from neon_control.core.common.statistics import Percentiles
from neon_control.core.control.pacing import Pacer
from neon_control.core.robot.base_limits import BASE_MESSAGES
from neon_control.core.robot.robot_file import load_robot
from neon_control.core.robot.topic_names import DIAGNOSTICS
from neon_control.nodes.checked_messages import read_message
from neon_control.nodes.command_input import CommandInput
from neon_control.nodes.lifecycle import STEADY_CLOCK, AutostartNode, run
from neon_control.nodes.parameters import declare
from neon_control.nodes.status import read_status
from neon_control.nodes.transport import choose_transport
from neon_control.robots.unitree.base import Base
from neon_control.robots.unitree.channel import ARM_SDK, Channel
from neon_control.robots.unitree.coupling import Coupling
from neon_control.robots.unitree.diagnostics import driver_status
from neon_control.robots.unitree.driver import Driver, hand_controllers, left_alone
from neon_control.robots.unitree.engagement import State
from neon_control.robots.unitree.hands import SIDES, Hand
from neon_control.robots.unitree.left_weight import LeftWeight, folder
from neon_control.robots.unitree.link import Link, battery_values, odometry_numbers
from neon_control.robots.unitree.odometry import BaseOdometry
from neon_control.robots.unitree.problem import Problem
from neon_control.robots.unitree.remote import StopButtons
from neon_control.robots.unitree.section import load_section
from neon_control.robots.unitree.sensors import Sensors
from neon_control.robots.unitree.settings import DAMP, STAND_UP, START, DriverSettings
from neon_control.robots.unitree.sport import CODES, Call, Sport

SENSOR_RATE = 200.0  # [Hz] joint states at least, also where the arms are written to more seldom
SLOW_PERIOD = 0.02  # [s] of what need not be done with each message: odometry, and answers of the sport service
STOP_LIMIT = 2.0  # [s] longest wait for the end of a release, beyond the time that it takes
ANSWER_LIMIT = 1.0  # [s] longest wait for the sport service's answer to a command


@dataclass(frozen=True)
class Parameters(DriverSettings):
    """ROS parameters: those of the driver, and what only a node needs."""

    robot_config: str = setting("g1.yaml", "robot description (YAML), a path or a file of the package's config/")
    network_interface: str = setting(
        "", "network of the robot, for example eth0; lo: a simulator on this computer; empty: the one that Cyclone DDS chooses"
    )
    domain: int = setting(0, "domain of the robot's DDS, not of ROS: 0 on the robot, 1 in simulators", minimum=0, maximum=230)
    base_message: str = setting("", "message type of the base's commands; empty: the robot file's", choices=("", *BASE_MESSAGES[:2]))
    executor: str = setting("executor_node", "whose e-stop is obeyed, and pressed by the remote control; in this namespace")
    engage_on_start: bool = setting(True, "take the arms without being asked (~/engage), as soon as nothing is wrong")
    realtime: RealtimeSettings = field(default_factory=RealtimeSettings)


class UnitreeNode(AutostartNode):
    """See the module's text."""

    def __init__(self, **options: object) -> None:
        super().__init__("unitree_node", **options)
        self._lock = threading.Lock()  # of the driver and all that it decides with
        self._thread: threading.Thread | None = None
        self._channel: Channel | None = None
        self._running = False
        self._pacer: Pacer | None = None
        self._settings = declare(self, Parameters)
        if self.get_parameter("use_sim_time").value:
            raise ConfigError("unitree_node drives motors in real time: use_sim_time must be false")
        self._serve("engage", self._engage)
        self._serve("release", self._release)
        for name, state in (("stand_up", STAND_UP), ("damp", DAMP), ("start", START)):
            self._serve(name, partial(self._ask_for, state))
        self._changed = self.create_guard_condition(self._look)
        self._estop: Client[Any, Any] = self.create_client(SetBool, f"{self._settings.executor}/estop")

    def _serve(self, name: str, act: Callable[[], str]) -> None:
        """A service of the active node; `act` says what keeps it from being done, or nothing."""

        def serve(_: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
            problem = act() if self._thread is not None else "the node is not active"
            response.success, response.message = not problem, problem or "done"
            if problem:
                self.get_logger().warning(f"~/{name} refused: {problem}")
            return response

        self.create_service(Trigger, f"~/{name}", serve)

    # --- transitions ---

    def configure(self) -> None:
        """Check robot file and network, create publishers; nothing is sent yet."""
        self.cleanup()  # of an attempt that failed half-way
        parameters = self._settings
        robot = self._robot = load_robot(parameters.robot_config)
        section = load_section(robot)
        self._driver = Driver(robot, section, parameters)
        self._hands = [Hand(robot, side, section, parameters) for side in SIDES if hand_controllers(robot, side)]
        self._sport = Sport(parameters, time.time_ns())
        self._base = None if robot.base is None else Base(parameters, robot.base)
        self._coupling, self._odometry = Coupling(robot, parameters), BaseOdometry()
        self._stop_buttons, self._stopped_by, self._estop_pressed = StopButtons(parameters.stop_buttons), "", False
        self._codes: dict[int, int] = {}  # of awaited answers
        self._estopped = False
        self._channel = Channel(parameters.network_interface, parameters.domain)
        self._link = Link(self._channel, self._hands, parameters.refuse_silent_writers)
        self._left = self._left_weight(folder() / f"unitree_{parameters.network_interface or 'any'}_{parameters.domain}")
        self._sensors = Sensors(self, robot)
        self._commands: CommandInput | None = None  # while it listens
        self.create_subscription(DiagnosticArray, DIAGNOSTICS, self._on_diagnostics, 10, raw=True)
        self._diagnostics = self.create_publisher(DiagnosticArray, DIAGNOSTICS, 10)
        self._lateness, self._write_time = Percentiles(), Percentiles()
        self._slow = 0  # [ns] monotonic, when it is due
        self._writes, self._told = 0, (time.monotonic(), 0, 0)  # time, writes and states at the last report
        self._was = State.WAITING
        self.create_timer(1.0, self._publish_diagnostics, clock=STEADY_CLOCK)
        self.get_logger().info(
            f"{robot.name} on network {parameters.network_interface or 'that Cyclone DDS chooses'}, domain {parameters.domain}; "
            f"left alone: {', '.join(c.name for c in left_alone(robot)) or 'none'}"
        )

    def _left_weight(self, file: Path) -> LeftWeight:
        """Where a successor finds the weight; in memory alone, said so, where there is no place for a file."""
        try:
            return LeftWeight(file)
        except ConfigError as error:
            self.get_logger().warning(f"{error}; if this driver is killed, do not start it again before the robot was")
            return LeftWeight(None)

    def activate(self) -> None:
        """Start the control thread; it waits for lowstate before it sends anything."""
        with self._lock:
            self._driver.restart()
            self._driver.engagement.inherit(self._left.found)
            if not self._settings.engage_on_start:
                self._driver.engagement.release(Problem("asked", "engage_on_start is false: call ~/engage"))
        self._stopped_by, self._estop_pressed = "", False
        self._running = True
        self._thread = threading.Thread(target=self._control, name="control", daemon=True)
        self._thread.start()

    def deactivate(self) -> None:
        """Give the arms back, stop the base; returns when the weight is 0."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._listen(False)
        with self._lock:
            self._driver.engagement.release(Problem("stop", "the node is deactivated"))
        limit = time.monotonic() + self._settings.release_time + STOP_LIMIT
        while not self._driver.engagement.idle and thread.is_alive() and time.monotonic() < limit:
            thread.join(0.02)
        if self._driver.last_weight > 0.0:
            self.get_logger().error(f"the weight was {self._driver.last_weight:.2f} at the end; the robot keeps it")
        self._running = False
        thread.join(STOP_LIMIT)

    def cleanup(self) -> None:
        """Leave the robot's network."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    def destroy_node(self) -> None:
        """Leave the robot's network, then the graph."""
        self._running = False
        self.cleanup()
        super().destroy_node()

    # --- the control thread ---

    def _control(self) -> None:
        parameters = self._settings
        looks = -int(-SENSOR_RATE // parameters.rate_hz)  # at the robot for each message to it
        pacer = self._pacer = Pacer(1.0 / (parameters.rate_hz * looks), running=lambda: self._running)
        try:
            for refusal in realtime.apply(parameters.realtime, large_messages=False):
                self.get_logger().warning(refusal)
            count = 0
            while self._running:
                tick = pacer.wait()
                count += 1 + tick.skipped
                self._take()
                if count >= looks:
                    self._lateness.add(tick.lateness)
                    self._write(round(1e9 * tick.lateness), count // looks)
                    count %= looks
                if self._driver.engagement.state is not self._was or (self._stopped_by and not self._estop_pressed):
                    self._changed.trigger()
        except Exception:  # a defect: give the arms back with what is sure to work, and end the process
            self.get_logger().fatal(f"control loop ended: {traceback.format_exc()}")
            while (data := self._driver.last_resort()) is not None:
                self._link.send_arms(data)
                self._left.note(self._driver.last_weight)
                time.sleep(1.0 / parameters.rate_hz)
            self.failed = True
        finally:
            self._stop_base()

    def _take(self) -> None:
        """What the robot has measured since the last look: to the driver, and on."""
        now, stamp = time.monotonic_ns(), time.time_ns()
        believed = False
        with self._lock:
            for data in self._link.states():
                believed |= self._driver.take_state(now, data)
        message = self._driver.watch.message
        if believed and message is not None:
            self._sensors.body(stamp, message, self._driver.watch.model)
            pressed = self._stop_buttons.pressed(message.fields["wireless_remote"].tobytes())
            if pressed and not self._stopped_by:
                self._stopped_by = pressed
        for hand in self._hands:
            if self._link.measure_hand(now, hand):
                self._sensors.hand(stamp, hand)

    def _write(self, late: int, periods: int) -> None:
        """One message to the arms, and what is due to base and hands; the deadline was `late` [ns] ago, the last one so many periods."""
        begin = time.perf_counter()
        now, stamp = time.monotonic_ns(), time.time_ns()
        base = self._base
        slow = now >= self._slow
        if slow:
            self._slow = now + round(SLOW_PERIOD * NANOSECONDS)
        with self._lock:
            for answer in self._link.answers() if slow else ():
                if self._sport.answer(now, answer) and answer.id in self._codes:
                    self._codes[answer.id] = answer.code
            if self._commands is not None:
                self._commands.take()
            question = self._sport.ask(now)
            scale = self._coupling.arms_scale(base is not None and base.moves)
            data = self._driver.step(now, list(self._problems(now)), scale, stamp - late, periods)
            engaged = self._driver.engagement.state is State.ENGAGED
            hands = [hand for hand in self._hands if hand.step(now, engaged, stamp - late)]
            call = None if base is None else self._base_call(base, stamp, engaged)
        if data is not None:
            self._link.send_arms(data)
            self._left.note(self._driver.last_weight)
            self._writes += 1
        self._write_time.add(time.perf_counter() - begin)
        for hand in hands:
            self._link.send_hand(hand)
        for request in (call, question):
            if request is not None:
                self._link.send_call(request)
        if slow:
            self._odometry_out(now, stamp)

    def _problems(self, now: int) -> Iterator[Problem | None]:
        """What is wrong beside lowstate and tracking."""
        if self._stopped_by:
            yield Problem("remote", f"{self._stopped_by} was pressed on the remote control", latched=True)
        if self._estopped:
            yield Problem("estop", f"the e-stop of {self._settings.executor} is pressed")
        yield from self._link.problems(now)
        yield self._sport.problem(now)

    def _base_call(self, base: Base, now: int, engaged: bool) -> Call | None:
        allowed = engaged and self._sport.walks() and self._coupling.base_may_move(time.monotonic_ns(), self._driver.watch.positions)
        due = base.due(now, allowed)
        return None if due is None else self._sport.velocity(due[0].tolist(), due[1])

    def _stop_base(self) -> None:
        if self._base is not None and self._base.moves:
            with self._lock:
                call = self._base_call(self._base, time.time_ns(), False)
            if call is not None:
                self._link.send_call(call)

    def _odometry_out(self, now: int, stamp: int) -> None:
        message = self._link.odometry()
        if message is not None:
            self._odometry.measure(now, *odometry_numbers(message))
        if self._base is not None:
            self._sensors.base(stamp, self._odometry.update(now, self._base.velocity if self._base.moves else np.zeros(3)))

    # --- callbacks ---

    def _look(self) -> None:
        """Listen to commands or not, as the driver has the arms or not; the log and the executor hear of what has changed."""
        state, problem = self._driver.engagement.state, self._driver.engagement.problem
        self._listen(state is State.ENGAGED and self._thread is not None)
        if self._stopped_by and not self._estop_pressed:
            self._estop_pressed = True
            self._press_estop()
        if state is self._was:
            return
        self._was = state
        log = self.get_logger()
        if problem is None:
            log.info(state.value)
        else:
            log.warning(f"{state.value}: {problem.cause}: {problem.text}")

    def _listen(self, listen: bool) -> None:
        if listen is (self._commands is not None):
            return
        commands = self._subscribed() if listen else None
        with self._lock:  # the control thread takes from them under it
            before, self._commands = self._commands, commands
        if before is not None:
            before.close()

    def _subscribed(self) -> CommandInput:
        base, limits = self._base, self._robot.base
        commands = CommandInput(self, self._robot.wire, polled=True)
        for controller in self._driver.controllers:
            commands.joints(controller, self._command_arms)
        for hand in self._hands:
            for controller in hand.controllers:
                commands.joints(controller, hand.targets.accept)
        if base is not None and limits is not None:
            stamped = (self._settings.base_message or limits.message) != "twist"
            commands.base(limits.topic, stamped, base.command)
        return commands

    def _command_arms(self, *arguments: Any) -> None:
        if self._driver.targets is not None:  # others, once ~/engage was called
            self._driver.targets.accept(*arguments)

    def _on_diagnostics(self, data: bytes) -> None:
        """Whether the executor's e-stop is pressed; it says so at once, and then every second."""
        with contextlib.suppress(ObservationError):
            for item in read_message(data, DiagnosticArray).status:
                status = read_status(item, time.monotonic(), self.get_namespace())
                if status is not None and status.node == self._settings.executor and "estop" in status.values:
                    self._estopped = status.values["estop"] == "pressed"

    def _press_estop(self) -> None:
        self.get_logger().error(f"{self._stopped_by} was pressed on the remote control: stop")
        if not self._estop.service_is_ready():
            self.get_logger().error(f"nobody serves {self._estop.srv_name}: no e-stop of an executor was pressed")
            return
        self._estop.call_async(SetBool.Request(data=True))

    def _engage(self) -> str:
        with self._lock:
            self._stopped_by, self._estop_pressed = "", False
            self._driver.engage()
        return ""

    def _release(self) -> str:
        with self._lock:
            self._driver.engagement.release(Problem("asked", "~/release was called"))
        return ""

    def _ask_for(self, state: int) -> str:
        """Ask the robot's own machine for a state; why not, or what it answered, or nothing if all is well."""
        with self._lock:
            if refusal := self._sport.refusal(state, self._driver.engagement.weight):
                return refusal
            call = self._sport.set_state(state)
            self._codes[call.id] = -1
        self._link.send_call(call)
        limit = time.monotonic() + ANSWER_LIMIT
        while self._codes[call.id] < 0 and time.monotonic() < limit:  # the control thread takes it
            time.sleep(0.005)
        code = self._codes.pop(call.id)
        if code < 0:
            return f"the robot did not answer within {ANSWER_LIMIT:g} s"
        return "" if code == 0 else f"the robot refused it with code {code} ({CODES.get(code, 'unknown')})"

    def _publish_diagnostics(self) -> None:
        self._look()
        link, now = self._link, time.monotonic()
        link.take_battery()
        states = self._driver.watch.counts["taken"]
        (before, writes_before, states_before), self._told = self._told, (now, self._writes, states)
        seconds = now - before
        others = link.channel.publishers(ARM_SDK)
        loop: dict[str, object] = {
            "rate_hz": (self._writes - writes_before) / seconds,
            "lowstate_hz": max(0, states - states_before) / seconds,
            "deadlines_skipped": self._pacer.skipped if self._pacer else 0,
            "messages": self._writes,
            "unsent": link.unsent,
            "network": f"{link.channel.network_interface or 'chosen by Cyclone DDS'}, domain {link.channel.domain}",
            "participants": link.channel.others,
            "readers_of_arm_sdk": link.listeners,
            "other_writers": ", ".join(f"process {w.process or '?'} on {w.host or '?'}" for w in others) or "none",
            "foreign_messages": link.foreign,
            "state_machine": "unknown" if self._sport.state is None else self._sport.state,
            "odometry": self._odometry.source,
            "odometry_refused": self._odometry.refused,
            "estop": "pressed" if self._estopped else "released",
            **{f"sport_refused/{code}": count for code, count in sorted(self._sport.refused.items())},
            **{f"hand_errors/{hand.side}": hand.errors for hand in self._hands},
            **({} if link.battery is None else battery_values(link.battery)),
        }
        windows = {"lateness_ms": self._lateness, "write_ms": self._write_time}
        array = driver_status(self.status_name("driver"), self._robot.name, self._driver, time.monotonic_ns(), loop, windows)
        array.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(array)


def main(args: Sequence[str] | None = None) -> int:
    """Entry point."""
    choose_transport()
    sys.setswitchinterval(realtime.SWITCH_INTERVAL)
    return run(UnitreeNode, args)


if __name__ == "__main__":
    sys.exit(main())
