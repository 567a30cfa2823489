"""What the robot tells of itself on `rt/lowstate`."""

from __future__ import annotations

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
        motors, imu = fields["motor_state"][:MOTORS], fields["imu_state"]
        motors["mode"] = ~missing
        motors["temperature"] = np.where(missing[:, None], 0, WARM)
        motors["vol"] = np.where(missing, 0.0, VOLTAGE)
        imu["temperature"], imu["accelerometer"] = WARM[0], (0.0, 0.0, GRAVITY)
        # Looking a field up costs more than writing to it.
        self._measured = [motors[name] for name in ("q", "dq", "ddq", "tau_est")]  # (29,) each
        self._errors, self._winding = motors["motorstate"], motors["temperature"][:, 1]
        self._well = self._winding.copy()
        self._quaternion, self._gyroscope, self._rpy = imu["quaternion"], imu["gyroscope"], imu["rpy"]
        self._keys = fields["wireless_remote"][2:4].view("<u2")
        self._faults: Faults | None = None  # those that the message shows

    def fill(self, state: UnitreeState, mode_machine: int, faults: Faults) -> bytes:
        """The message's bytes."""
        fields = self._fields
        fields["tick"], fields["mode_machine"] = state.stamp // 1_000_000 % 2**32, mode_machine
        for field, values in zip(self._measured, state.motors, strict=True):
            field[:] = values
        yaw = float(state.base_pose[2])
        self._quaternion[0], self._quaternion[3] = math.cos(yaw / 2), math.sin(yaw / 2)
        self._gyroscope[2], self._rpy[2] = state.base_velocity[2], yaw
        if faults is not self._faults:
            self._show(faults)
        return self._message.to_wire(self._message.crc ^ 1 if faults.lowstate_crc_wrong else None)

    def _show(self, faults: Faults) -> None:
        self._faults = faults
        self._errors[:], self._winding[:] = 0, self._well
        self._errors[faults.motor] = faults.motor_error
        if faults.motor_temperature:
            self._winding[faults.motor] = faults.motor_temperature
        self._keys[0] = held(faults.remote)
