"""What the robot tells of itself on `rt/lowstate`."""

from __future__ import annotations

import functools
import math

import numpy as np

from neon_control.core.common.errors import ConfigError
from neon_control.robots.unitree.packed import LOW_STATE
from neon_control.sim.unitree.faults import Faults
from neon_control.sim.unitree.set_points import MOTORS
from neon_control.sim.unitree.stage import UnitreeState

GRAVITY = 9.81  # [m/s^2]
WARM = (35, 45)  # [deg C] surface and winding of a motor
VOLTAGE = 52.0  # [V] at a motor
# The remote control's keys, each at its bit of the third and fourth byte.
KEYS = ("R1", "L1", "start", "select", "R2", "L2", "F1", "F2", "A", "B", "X", "Y", "up", "right", "down", "left")


@functools.cache  # asked for with every message
def held(keys: str) -> int:
    """The bits of keys, for example "L2+B"; ConfigError for one that there is not."""
    names = [name.strip() for name in keys.split("+") if name.strip()]
    unknown = [name for name in names if name not in KEYS]
    if unknown:
        raise ConfigError(f"the remote control has no keys {unknown}, only {list(KEYS)}")
    return sum(1 << KEYS.index(name) for name in names)


class LowStateMessage:
    """One message that is kept, and filled anew each time.

    Args:
        missing: (29,) motors that the robot does not have.
    """

    def __init__(self, missing: np.ndarray) -> None:
        self._message = LOW_STATE.make()
        fields = self._fields = self._message.fields
        self._motors = fields["motor_state"][:MOTORS]
        self._motors["mode"] = ~missing
        self._motors["temperature"] = np.where(missing[:, None], 0, WARM)
        self._motors["vol"] = np.where(missing, 0.0, VOLTAGE)
        self._winding = self._motors["temperature"][:, 1].copy()
        fields["imu_state"]["temperature"] = WARM[0]

    def fill(self, state: UnitreeState, mode_machine: int, faults: Faults) -> bytes:
        """The message's bytes."""
        fields, motors = self._fields, self._motors
        fields["tick"] = state.stamp // 1_000_000 % 2**32
        fields["mode_machine"] = mode_machine
        for name, values in zip(("q", "dq", "ddq", "tau_est"), state.motors, strict=True):
            motors[name] = values
        motors["motorstate"] = 0
        motors["motorstate"][faults.motor] = faults.motor_error
        motors["temperature"][:, 1] = self._winding
        if faults.motor_temperature:
            motors["temperature"][faults.motor, 1] = faults.motor_temperature
        yaw, imu = float(state.base_pose[2]), fields["imu_state"]
        imu["quaternion"] = math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2)
        imu["gyroscope"] = 0.0, 0.0, state.base_velocity[2]
        imu["accelerometer"] = 0.0, 0.0, GRAVITY
        imu["rpy"] = 0.0, 0.0, yaw
        fields["wireless_remote"][2:4] = np.frombuffer(held(faults.remote).to_bytes(2, "little"), np.uint8)
        return self._message.to_wire(self._message.crc ^ 1 if faults.lowstate_crc_wrong else None)
