"""The messages of Unitree's topics, as cyclonedds wants them: final types, members numbered in their order.

A list of motors in a message of the body has 35 places (see motors.py). Fields without a comment mean what their names say; those whose
meaning nobody tells are passed on as they came.
"""

# cyclonedds reads the annotations of the fields as values: no `from __future__ import annotations` here

from dataclasses import dataclass, field

import cyclonedds.idl.annotations as annotate
from cyclonedds.idl import IdlStruct
from cyclonedds.idl.types import array, float32, int16, int32, int64, sequence, uint8, uint16, uint32

from neon_control.robots.unitree.motors import MOTORS


@dataclass
@annotate.final
@annotate.autoid("sequential")
class MotorCmd(IdlStruct, typename="unitree_hg.msg.dds_.MotorCmd_"):
    """One motor's command: torque = tau + kp (q - measured) + kd (dq - measured)."""

    mode: uint8 = 0  # 1: driven
    q: float32 = 0.0  # [rad]
    dq: float32 = 0.0  # [rad/s]
    tau: float32 = 0.0  # [N m]
    kp: float32 = 0.0  # [N m/rad]
    kd: float32 = 0.0  # [N m s/rad]
    reserve: uint32 = 0


@dataclass
@annotate.final
@annotate.autoid("sequential")
class LowCmd(IdlStruct, typename="unitree_hg.msg.dds_.LowCmd_"):
    """What a client wants of the motors, on `rt/arm_sdk`."""

    mode_pr: uint8 = 0  # of ankles and waist: 0 pitch and roll, 1 the two motors behind them
    mode_machine: uint8 = 0  # as in LowState
    motor_cmd: array[MotorCmd, MOTORS] = field(default_factory=lambda: [MotorCmd() for _ in range(MOTORS)])
    reserve: array[uint32, 4] = field(default_factory=lambda: [0] * 4)
    crc: uint32 = 0


@dataclass
@annotate.final
@annotate.autoid("sequential")
class ImuState(IdlStruct, typename="unitree_hg.msg.dds_.IMUState_"):
    """An inertial measurement unit, on `rt/secondary_imu` the torso's."""

    quaternion: array[float32, 4] = field(default_factory=lambda: [1.0, 0.0, 0.0, 0.0])  # w x y z
    gyroscope: array[float32, 3] = field(default_factory=lambda: [0.0] * 3)  # [rad/s]
    accelerometer: array[float32, 3] = field(default_factory=lambda: [0.0] * 3)  # [m/s^2]
    rpy: array[float32, 3] = field(default_factory=lambda: [0.0] * 3)  # [rad]
    temperature: int16 = 0  # [deg C]


@dataclass
@annotate.final
@annotate.autoid("sequential")
class MotorState(IdlStruct, typename="unitree_hg.msg.dds_.MotorState_"):
    """What one motor measures."""

    mode: uint8 = 0
    q: float32 = 0.0  # [rad]
    dq: float32 = 0.0  # [rad/s]
    ddq: float32 = 0.0  # [rad/s^2]
    tau_est: float32 = 0.0  # [N m]
    temperature: array[int16, 2] = field(default_factory=lambda: [0] * 2)  # [deg C] surface, winding
    vol: float32 = 0.0  # [V]
    sensor: array[uint32, 2] = field(default_factory=lambda: [0] * 2)
    motorstate: uint32 = 0  # error bits; 0: well
    reserve: array[uint32, 4] = field(default_factory=lambda: [0] * 4)


@dataclass
@annotate.final
@annotate.autoid("sequential")
class LowState(IdlStruct, typename="unitree_hg.msg.dds_.LowState_"):
    """What the robot measures, on `rt/lowstate`."""

    version: array[uint32, 2] = field(default_factory=lambda: [0] * 2)
    mode_pr: uint8 = 0
    mode_machine: uint8 = 0  # which model it is, see motors.py
    tick: uint32 = 0  # [ms]
    imu_state: ImuState = field(default_factory=ImuState)  # of the pelvis
    motor_state: array[MotorState, MOTORS] = field(default_factory=lambda: [MotorState() for _ in range(MOTORS)])
    wireless_remote: array[uint8, 40] = field(default_factory=lambda: [0] * 40)  # see remote.py
    reserve: array[uint32, 4] = field(default_factory=lambda: [0] * 4)
    crc: uint32 = 0


@dataclass
@annotate.final
@annotate.autoid("sequential")
class PressSensorState(IdlStruct, typename="unitree_hg.msg.dds_.PressSensorState_"):
    """A field of touch sensors of a hand."""

    pressure: array[float32, 12] = field(default_factory=lambda: [0.0] * 12)
    temperature: array[float32, 12] = field(default_factory=lambda: [0.0] * 12)


@dataclass
@annotate.final
@annotate.autoid("sequential")
class HandCmd(IdlStruct, typename="unitree_hg.msg.dds_.HandCmd_"):
    """What a client wants of a Dex3 hand, on `rt/dex3/left/cmd` and `right`; seven motors, and no CRC."""

    motor_cmd: sequence[MotorCmd] = field(default_factory=list)
    reserve: array[uint32, 4] = field(default_factory=lambda: [0] * 4)


@dataclass
@annotate.final
@annotate.autoid("sequential")
class HandState(IdlStruct, typename="unitree_hg.msg.dds_.HandState_"):
    """What a Dex3 hand measures, on `rt/dex3/left/state` and `right`."""

    motor_state: sequence[MotorState] = field(default_factory=list)
    press_sensor_state: sequence[PressSensorState] = field(default_factory=list)
    imu_state: ImuState = field(default_factory=ImuState)
    power_v: float32 = 0.0  # [V]
    power_a: float32 = 0.0  # [A]
    system_v: float32 = 0.0  # [V]
    device_v: float32 = 0.0  # [V]
    error: array[uint32, 2] = field(default_factory=lambda: [0] * 2)
    reserve: array[uint32, 2] = field(default_factory=lambda: [0] * 2)


@dataclass
@annotate.final
@annotate.autoid("sequential")
class BmsState(IdlStruct, typename="unitree_hg.msg.dds_.BmsState_"):
    """The battery, on `rt/lf/bmsstate`."""

    version_high: uint8 = 0
    version_low: uint8 = 0
    fn: uint8 = 0
    cell_vol: array[uint16, 40] = field(default_factory=lambda: [0] * 40)  # [mV]
    bmsvoltage: array[uint32, 3] = field(default_factory=lambda: [0] * 3)  # [mV]
    current: int32 = 0  # [mA]
    soc: uint8 = 0  # [%] state of charge
    soh: uint8 = 0  # [%] state of health
    temperature: array[int16, 12] = field(default_factory=lambda: [0] * 12)
    cycle: uint16 = 0
    manufacturer_date: uint16 = 0
    bmsstate: array[uint32, 5] = field(default_factory=lambda: [0] * 5)
    reserve: array[uint32, 3] = field(default_factory=lambda: [0] * 3)


@dataclass
@annotate.final
@annotate.autoid("sequential")
class OdoState(IdlStruct, typename="unitree_hg.msg.dds_.OdoState_"):
    """Where the pelvis is, on `rt/odostate`.

    The names of the fields are known, their order is not: whoever reads this looks whether the orientation has the length 1.
    """

    position: array[float32, 3] = field(default_factory=lambda: [0.0] * 3)  # [m]
    orientation: array[float32, 4] = field(default_factory=lambda: [1.0, 0.0, 0.0, 0.0])  # w x y z
    linear_velocity: array[float32, 3] = field(default_factory=lambda: [0.0] * 3)  # [m/s]
    angular_velocity: array[float32, 3] = field(default_factory=lambda: [0.0] * 3)  # [rad/s]
    tick: uint32 = 0


@dataclass
@annotate.final
@annotate.autoid("sequential")
class RequestIdentity(IdlStruct, typename="unitree_api.msg.dds_.RequestIdentity_"):
    """Which request, and of what."""

    id: int64 = 0  # unique; the answer carries it
    api_id: int64 = 0


@dataclass
@annotate.final
@annotate.autoid("sequential")
class RequestLease(IdlStruct, typename="unitree_api.msg.dds_.RequestLease_"):
    """0: without."""

    id: int64 = 0


@dataclass
@annotate.final
@annotate.autoid("sequential")
class RequestPolicy(IdlStruct, typename="unitree_api.msg.dds_.RequestPolicy_"):
    """Whether an answer is wanted."""

    priority: int32 = 0
    noreply: bool = False


@dataclass
@annotate.final
@annotate.autoid("sequential")
class RequestHeader(IdlStruct, typename="unitree_api.msg.dds_.RequestHeader_"):
    """In front of every request."""

    identity: RequestIdentity = field(default_factory=RequestIdentity)
    lease: RequestLease = field(default_factory=RequestLease)
    policy: RequestPolicy = field(default_factory=RequestPolicy)


@dataclass
@annotate.final
@annotate.autoid("sequential")
class Request(IdlStruct, typename="unitree_api.msg.dds_.Request_"):
    """A request, on `rt/api/sport/request`."""

    header: RequestHeader = field(default_factory=RequestHeader)
    parameter: str = ""  # JSON
    binary: sequence[uint8] = field(default_factory=list)


@dataclass
@annotate.final
@annotate.autoid("sequential")
class ResponseStatus(IdlStruct, typename="unitree_api.msg.dds_.ResponseStatus_"):
    """0: well; see sport.py."""

    code: int32 = 0


@dataclass
@annotate.final
@annotate.autoid("sequential")
class ResponseHeader(IdlStruct, typename="unitree_api.msg.dds_.ResponseHeader_"):
    """In front of every answer."""

    identity: RequestIdentity = field(default_factory=RequestIdentity)
    status: ResponseStatus = field(default_factory=ResponseStatus)


@dataclass
@annotate.final
@annotate.autoid("sequential")
class Response(IdlStruct, typename="unitree_api.msg.dds_.Response_"):
    """An answer, on `rt/api/sport/response`."""

    header: ResponseHeader = field(default_factory=ResponseHeader)
    data: str = ""  # JSON
    binary: sequence[uint8] = field(default_factory=list)
