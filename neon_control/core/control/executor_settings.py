"""What may be set about the executor: its rate, when it stops, how it starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from neon_control.core.common.fields import setting
from neon_control.core.control.ensemble import EnsembleSettings
from neon_control.core.control.takeover import TakeoverSettings


@dataclass(frozen=True)
class ExecutorSettings:
    """Settings of `MotionExecutor`."""

    FURTHER_FIELDS: ClassVar[bool] = True

    rate_hz: float = setting(100.0, "control rate", unit="Hz", minimum=20.0, maximum=500.0)
    chunk_steps: int = setting(16, "steps of a chunk; chunks of another length are refused", minimum=2, maximum=1000)
    chunk_timeout: float = setting(0.3, "stop when the newest chunk's observation is older", unit="s", minimum=0.01, maximum=10.0)
    joint_state_timeout: float = setting(0.2, "stop when a joint's measurement is older", unit="s", minimum=0.005, maximum=10.0)
    tracking_error_limit: float = setting(
        0.5,
        "stop when measured and commanded position of a joint lie further apart; the robot file may state others for groups and joints",
        unit="rad",
        minimum=0.001,
    )
    following_limit: float = setting(
        0.05,
        "while holding and ramping, begin anew at the measured pose when a joint has not followed by more; 0: do not watch",
        unit="rad",
        minimum=0.0,
    )
    command_lead: float = setting(
        0.03,
        "how far ahead joints are commanded; at least the jitter of both clocks and the controllers' period",
        unit="s",
        minimum=0.005,
        maximum=0.5,
    )
    action_latency: float = setting(0.0, "look ahead by the delay of the actuators", unit="s", minimum=0.0, maximum=1.0)
    start_ramp: float = setting(2.0, "time from the measured pose to the policy's at the first start", unit="s", minimum=0.0, maximum=60.0)
    resume_ramp: float = setting(0.5, "the same after a stop", unit="s", minimum=0.0, maximum=60.0)
    takeover: TakeoverSettings = field(default_factory=TakeoverSettings)
    joints: EnsembleSettings = field(default_factory=EnsembleSettings)
    base: EnsembleSettings = field(default_factory=EnsembleSettings)
