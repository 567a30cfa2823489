"""A simulated G1 on Unitree's DDS, in the scene of `sim/`: what a driver of a real one is tried against.

It publishes `rt/lowstate` 500 times a second (or as often as this computer can), `rt/odostate` and `rt/lf/bmsstate`, takes `rt/arm_sdk` and
answers `rt/api/sport/request`; with `hands` also `rt/dex3/*`. The scene, camera, microphone and episodes are those of `sim_node`, under
this node's name. It takes no commands from ROS: the arms move by what a driver writes, and by the robot's own motion.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from cyclonedds.domain import DomainParticipant
from rcl_interfaces.msg import SetParametersResult
from rclpy.parameter import Parameter

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.fields import setting
from neon_control.core.robot.robot_file import load_robot
from neon_control.nodes.lifecycle import run
from neon_control.nodes.parameters import declare
from neon_control.nodes.transport import choose_transport
from neon_control.robots.unitree import channel, messages
from neon_control.robots.unitree.channel import Channel
from neon_control.robots.unitree.motors import HAND_JOINTS, MODELS, WEIGHT
from neon_control.robots.unitree.packed import LOW_CMD, Packed, WireError
from neon_control.sim.stage_node import SWITCH_INTERVAL, StageNode, StageParameters
from neon_control.sim.unitree.faults import Faults, Line
from neon_control.sim.unitree.hand import DexHand
from neon_control.sim.unitree.log import ROW, LogWriter
from neon_control.sim.unitree.low_state import LowStateMessage, held
from neon_control.sim.unitree.robot import ArmCommand, Taken
from neon_control.sim.unitree.set_points import MOTORS
from neon_control.sim.unitree.sport import WALK, WAYS
from neon_control.sim.unitree.stage import PERIOD, UnitreeStage, UnitreeState

STATE_MACHINES = tuple(str(state) for state in WAYS)
FAULTS = "faults."  # the prefix of their parameters
DEPTH = 2000  # messages that may wait while this process does: none is to be lost, the log counts them
MOTION_PERIOD, ODOMETRY_PERIOD, SECOND_WRITER_PERIOD, HAND_PERIOD, BATTERY_PERIOD = 0.02, 0.02, 0.02, 0.02, 1.0  # [s]
MOST_STEPS = 2  # of the physics between two set points
SECOND_GAINS = (60.0, 1.5)  # [N m/rad, N m s/rad]


@dataclass(frozen=True)
class Parameters(StageParameters):
    """Parameters of the node."""

    network_interface: str = setting("lo", "network of Unitree's DDS; lo: this computer alone")
    domain: int = setting(1, "domain of Unitree's DDS: 1 in simulators, 0 on the robot", minimum=0, maximum=230)
    model: str = setting("29", "joints of the robot; 27: its waist's roll and pitch are locked", choices=tuple(MODELS))
    state_machine: str = setting(
        str(WALK), "state in which the robot begins: 0 zero torque, 1 damp, 4 stand up, 500 walk", choices=STATE_MACHINES
    )
    hands: bool = setting(False, "it has two Dex3 hands, of which only the motors are simulated")
    lowstate_rate_hz: float = setting(
        500.0,
        "messages on rt/lowstate per second; up to 250 its cycle is 4 ms, not 2",
        unit="Hz",
        minimum=10.0,
        maximum=500.0,
    )
    log_folder: str = setting("", "where to write what was received, as tests read it; empty: nowhere")
    faults: Faults = field(default_factory=Faults)


class UnitreeSimNode(StageNode):
    """See the module's text."""

    def __init__(self) -> None:
        super().__init__("unitree_sim_node")
        parameters = declare(self, Parameters)
        self._faults = parameters.faults
        held(self._faults.remote)
        size = (parameters.width, parameters.height)
        robot = load_robot(parameters.robot_config)
        self._robot_stage = UnitreeStage(robot, parameters.model, int(parameters.state_machine), size, parameters.speech_delay)
        self._log = LogWriter(Path(parameters.log_folder)) if parameters.log_folder else None
        every = round(1.0 / parameters.lowstate_rate_hz / PERIOD)
        self._lowstate_period = every * PERIOD
        self._channel = Channel(parameters.network_interface, parameters.domain)
        self._commands = self._channel.reader(channel.ARM_SDK, messages.LowCmd, raw=True, depth=DEPTH)
        self._requests = self._channel.reader(channel.SPORT_REQUEST, messages.Request, depth=DEPTH)
        self._responses = self._channel.writer(channel.SPORT_RESPONSE, messages.Response)
        self._low_states = self._channel.writer(channel.LOW_STATE, messages.LowState)
        self._odometry = self._channel.writer(channel.ODOMETRY, messages.OdoState)
        self._battery = self._channel.writer(channel.BATTERY, messages.BmsState)
        self._hands = [_Hand(self._channel, side) for side in HAND_JOINTS] if parameters.hands else []
        self._second: channel.Writer | None = None
        self._low_state = LowStateMessage(self._robot_stage.robot.missing)
        self._states_out: Line[bytes] = Line()
        self._commands_in: Line[tuple[Any, int, int]] = Line()  # message, [ns] when it was sent, its writer
        self._requests_in: Line[Any] = Line()
        self._mode_machine = self._robot_stage.robot.mode_machine
        self._motors = np.zeros((4, MOTORS))
        self._heard = False
        self._low_states_sent = self._trips = 0
        self._note("begin", model=parameters.model, state_machine=int(parameters.state_machine))
        # Waking up costs as much as a step of the physics: a robot that is heard half as often wakes up half as often.
        self.begin(parameters, self._robot_stage, PERIOD * min(every, MOST_STEPS))

    # --- parameters, in the spinning thread ---

    def _check_parameters(self, parameters: list[Parameter[Any]]) -> SetParametersResult:
        for parameter in parameters:
            if parameter.name == f"{FAULTS}remote":
                try:
                    held(parameter.value)
                except ConfigError as error:
                    return SetParametersResult(successful=False, reason=str(error))
        return super()._check_parameters(parameters)

    def _apply_parameters(self, parameters: list[Parameter[Any]]) -> None:
        super()._apply_parameters(parameters)
        changed = {p.name.removeprefix(FAULTS): p.value for p in parameters if p.name.startswith(FAULTS)}
        if changed:
            self._faults = replace(self._faults, **changed)

    # --- the robot's side of the wire, in the body's thread ---

    def _hear(self) -> None:
        # Before the tick: had this computer been late, all that came meanwhile would look like a jump within one tick.
        now, faults = time.time_ns(), self._faults
        self._robot_stage.robot.mode_machine = faults.mode_machine or self._mode_machine
        self._robot_stage.stuck = faults.motor if faults.motor_stuck else None
        self._take_commands(now, faults)
        self._answer_requests(now, faults)

    def _sense(self, state: Any) -> None:
        now, faults = state.stamp, self._faults
        self._motors = state.motors
        if self._passed(self._lowstate_period) and not faults.lowstate_stopped:
            self._states_out.put(
                now, self._low_state.fill(state, self._robot_stage.robot.mode_machine, faults), faults.delay, faults.lowstate_loss
            )
        for message in self._states_out.arrived(now):
            self._low_states.write(message)
            self._low_states_sent += 1
        if self._passed(ODOMETRY_PERIOD):
            self._odometry.write(_odometry(state))
        for hand in self._hands:
            hand.tick((self._ticks - self._first) * self._period)
            if self._passed(HAND_PERIOD):
                hand.tell()
        if self._passed(BATTERY_PERIOD):
            self._battery.write(messages.BmsState(soc=80, soh=100, bmsvoltage=[52000, 0, 0]))
        if self._passed(SECOND_WRITER_PERIOD):
            self._write_second(faults)
        self._note_motion(state)

    def _take_commands(self, now: int, faults: Faults) -> None:
        for message in self._commands.take():
            info = message.sample_info
            self._commands_in.put(now, (message, info.source_timestamp, info.publication_handle), faults.delay, faults.command_loss)
        for message, sent, writer in self._commands_in.arrived(now):
            try:
                command = LOW_CMD.read(message)
            except WireError as error:
                self._note("refused", reason=str(error))
                continue
            self._take(command, sent, writer)

    def _take(self, message: Packed, sent: int, writer: int) -> None:
        fields = message.fields
        motors = fields["motor_cmd"][:MOTORS]
        points = np.array([motors[name] for name in ("q", "dq", "tau", "kp", "kd")], np.float64)  # in the order of the set points' rows
        weight, mode_machine = fields["motor_cmd"]["q"][WEIGHT], int(fields["mode_machine"])
        outcome = self._robot_stage.command(ArmCommand(float(weight), points, mode_machine, message.crc_is_right))
        if self._log is not None:
            self._log.row(np.array((time.time_ns(), sent, writer, outcome, mode_machine, weight, *points, self._motors[0]), ROW))
        if outcome is not Taken.APPLIED:
            self.get_logger().warning(f"a message on {channel.ARM_SDK} was ignored: {outcome.name}", throttle_duration_sec=5.0)

    def _answer_requests(self, now: int, faults: Faults) -> None:
        for request in self._requests.take():
            self._requests_in.put(now, request, faults.delay, 0.0)
        for request in self._requests_in.arrived(now):
            identity = request.header.identity
            code, data = self._robot_stage.request(now, identity.api_id, request.parameter)
            self._note("request", id=identity.id, api_id=identity.api_id, parameter=request.parameter, code=code)
            if not request.header.policy.noreply:
                header = messages.ResponseHeader(identity, messages.ResponseStatus(code))
                self._responses.write(messages.Response(header, data))

    def _write_second(self, faults: Faults) -> None:
        """Another client, which holds the arms where they are now and knows of nobody else."""
        if not faults.second_writer:
            self._second = None
            return
        if self._second is None:
            self._second = channel.Writer(DomainParticipant(self._channel.domain), channel.ARM_SDK, messages.LowCmd)
            self._second_command = LOW_CMD.make()
            motors = self._second_command.fields["motor_cmd"]
            motors["q"][:MOTORS], motors["kp"][:MOTORS], motors["kd"][:MOTORS] = self._motors[0], *SECOND_GAINS
            motors["q"][WEIGHT] = 1.0
            self._second_command.fields["mode_machine"] = self._robot_stage.robot.mode_machine
        self._second.write(self._second_command.to_wire())

    def _note_motion(self, state: UnitreeState) -> None:
        trips = self._robot_stage.robot.trips
        for trip in trips[self._trips :]:
            self.get_logger().error(f"safe mode: {trip}")
            self._note("trip", reason=trip)
        self._trips = len(trips)
        if not self._heard and self._low_states_sent and self._low_states.readers:
            self._heard = True
            self._note("heard")
        if self._log is not None and self._passed(MOTION_PERIOD):
            sensed = {"weight": state.weight, "state_machine": state.state_machine, "low_states": self._low_states_sent}
            self._note("motion", base=[round(float(v), 4) for v in state.base_velocity], **sensed)
            self._log.flush()

    def _note(self, event: str, **values: Any) -> None:
        if self._log is not None:
            self._log.event(time.time_ns(), event, **values)

    def destroy_node(self) -> None:
        """Stop the loops, then leave the wire."""
        super().destroy_node()
        self._second = None
        self._channel.close()
        if self._log is not None:
            self._log.close()


class _Hand:
    """A hand on the wire."""

    def __init__(self, wire: Channel, side: str) -> None:
        self._hand = DexHand()
        self._commands = wire.reader(channel.HAND_COMMAND.format(side=side), messages.HandCmd)
        self._states = wire.writer(channel.HAND_STATE.format(side=side), messages.HandState)

    def tick(self, seconds: float) -> None:
        """Take what was sent, and act."""
        for command in self._commands.take():
            self._hand.command(command.motor_cmd)
        self._hand.tick(seconds)

    def tell(self) -> None:
        """Say where the fingers are."""
        values = zip(self._hand.positions.tolist(), self._hand.velocities.tolist(), self._hand.torques.tolist(), strict=True)
        motors = [messages.MotorState(mode=place, q=q, dq=dq, tau_est=tau) for place, (q, dq, tau) in enumerate(values)]
        self._states.write(messages.HandState(motors, power_v=52.0))


def _odometry(state: UnitreeState) -> messages.OdoState:
    x, y, yaw = (float(v) for v in state.base_pose)
    vx, vy, turning = (float(v) for v in state.base_velocity)
    orientation = [float(np.cos(yaw / 2)), 0.0, 0.0, float(np.sin(yaw / 2))]
    return messages.OdoState([x, y, 0.0], orientation, [vx, vy, 0.0], [0.0, 0.0, turning], state.stamp // 1_000_000 % 2**32)


def main(args: Sequence[str] | None = None) -> int:
    """Entry point."""
    choose_transport()
    sys.setswitchinterval(SWITCH_INTERVAL)
    return run(UnitreeSimNode, args)


if __name__ == "__main__":
    sys.exit(main())
