"""What may be set about the driver of a G1; the gains of its motors are in the robot file (section.py)."""

from __future__ import annotations

from dataclasses import dataclass

from neon_control.core.common.fields import setting

MOST_WEIGHT_STEP = 0.02  # of the weight from one message to the next; what follows from 1.2 s at 50 Hz lies below
STAND_UP, DAMP, START, ZERO_TORQUE = 4, 1, 500, 0  # states of the robot's own machine


@dataclass(frozen=True)
class DriverSettings:
    """Settings of `Driver`."""

    rate_hz: float = setting(250.0, "messages to the arms", unit="Hz", minimum=50.0, maximum=500.0)
    model: str = setting("auto", "number of joints; auto: by mode_machine of lowstate, see docs/g1.md", choices=("auto", "23", "27", "29"))
    max_weight: float = setting(
        1.0, "weight of our motion of the arms over the robot's own; 0.1 for the first time", minimum=0.01, maximum=1.0
    )
    engage_time: float = setting(2.0, "time in which the weight goes from 0 to 1", unit="s", minimum=1.2, maximum=20.0)
    release_time: float = setting(1.5, "the same on the way back, at every kind of end", unit="s", minimum=1.2, maximum=5.0)
    settle_time: float = setting(1.0, "nothing may be wrong for so long before the arms are taken", unit="s", minimum=0.5, maximum=60.0)
    state_timeout: float = setting(0.1, "release the arms when the newest lowstate is older", unit="s", minimum=0.02, maximum=1.0)
    require_standing: bool = setting(True, "take the arms only while the robot's sport service says that it is in one of standing_states")
    standing_states: tuple[int, ...] = setting(
        (500, 501, 801), "states of the robot's own machine in which it stands by itself; in 4 it may still be on its way up", minimum=0
    )
    walking_states: tuple[int, ...] = setting((500, 501, 801), "those in which it walks: others are sent no velocity", minimum=0)
    mode_timeout: float = setting(
        5.0, "take the robot for not standing when the sport service was silent for so long", unit="s", minimum=1.0
    )
    max_temperature: float = setting(
        90.0, "release the arms when a sensor of a motor is hotter; a guess, Unitree publishes no limit", unit="deg C", minimum=30.0
    )
    ignored_motor_errors: int = setting(0, "bits of motorstate that are no error", minimum=0)
    refuse_silent_writers: bool = setting(True, "release the arms also when another writer of rt/arm_sdk is there and says nothing")
    tracking_error_limit: float = setting(
        0.5, "release the arms, less stiff, when a joint is further from its target; the robot file may state others", unit="rad", above=0.0
    )
    tracking_time: float = setting(0.25, "and stays so for this long", unit="s", minimum=0.0, maximum=2.0)
    damping_share: float = setting(0.3, "of the stiffness, that is left then; the damping stays", minimum=0.1, maximum=1.0)
    velocity_feedforward: bool = setting(True, "tell the motors the target's velocity, too; without it they drag behind")
    gravity_feedforward: float = setting(
        0.0, "share of the torques that hold the arms against gravity (needs MuJoCo); 0: off, they sag instead", minimum=0.0, maximum=1.0
    )
    cmd_timeout: float = setting(0.0, "joints hold the measured pose this long after a trajectory ended; 0: never", unit="s", minimum=0.0)
    cmd_vel_timeout: float = setting(
        0.25,
        "the base is told to stop this long after a command; the robot is told so with each velocity",
        unit="s",
        minimum=0.1,
        maximum=1.0,
    )
    base_rate_hz: float = setting(20.0, "most velocities a second for the sport service", unit="Hz", minimum=5.0, maximum=50.0)
    walking_velocity_scale: float = setting(1.0, "of the arms' velocity limit while the base moves; 1: off", above=0.0, maximum=1.0)
    reach_radius: float = setting(
        0.0,
        "the base stands while the last links of both arms are further from the pelvis' vertical axis; 0: off",
        unit="m",
        minimum=0.0,
        maximum=1.0,
    )
    stop_buttons: tuple[str, ...] = setting(
        ("L2+B", "L1+A"), "of the remote control, pressed together: they press the executor's e-stop and release the arms"
    )
