"""What lowstate says, and what is wrong with it: silent, damaged, of another model, motors that complain."""

from __future__ import annotations

from collections import Counter, deque

import numpy as np

from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.robots.unitree.motors import JOINTS, MODELS, Model, model_of
from neon_control.robots.unitree.packed import LOW_STATE, Packed, WireError
from neon_control.robots.unitree.problem import Problem
from neon_control.robots.unitree.settings import DriverSettings

BODY = len(JOINTS)
MOST_WRONG, WRONG_WITHIN = 10, NANOSECONDS  # wrong checksums within [ns], that are more than chance


class StateWatch:
    """Takes lowstate, message by message.

    Attributes:
        message: the newest one that was believed; None before the first.
        model: which G1 it is; None while that is not known.
        counts: messages that were taken, and refused for what reason.
    """

    def __init__(self, settings: DriverSettings) -> None:
        self._settings = settings
        self._timeout = round(settings.state_timeout * NANOSECONDS)
        self.reset()

    def reset(self) -> None:
        """Begin anew: whatever was wrong was looked at."""
        self.message: Packed | None = None
        self.model: Model | None = None if self._settings.model == "auto" else MODELS[self._settings.model]
        self.counts: Counter[str] = Counter()
        self.positions = self.velocities = np.zeros(BODY)  # (29,) [rad], [rad/s] of the newest message
        self._fresh: int | None = None  # [ns] when something new was said
        self._mode_machine: int | None = None  # of the first message
        self._has_crc = self._ticks = False  # whether the sender fills in these fields
        self._tick = -1
        self._wrong: deque[int] = deque(maxlen=MOST_WRONG)  # [ns] of the newest wrong checksums

    def take(self, now: int, data: bytes) -> bool:
        """One message that arrived at `now` [ns]; whether it is believed."""
        try:
            message = LOW_STATE.read(data)
        except WireError:
            self.counts["malformed"] += 1
            return False
        fields = message.fields
        if fields["crc"] == 0 and not self._has_crc:  # Unitree's simulators leave it at 0; once there was one, there has to be one
            self.counts["without_crc"] += 1
        elif message.crc_is_right:
            self._has_crc = True
        else:
            self.counts["wrong_crc"] += 1
            self._wrong.append(now)
            return False
        positions = fields["motor_state"]["q"][:BODY].astype(np.float64)
        velocities = fields["motor_state"]["dq"][:BODY].astype(np.float64)
        if not (np.isfinite(positions).all() and np.isfinite(velocities).all()):
            self.counts["non_finite"] += 1
            return False
        self.counts["taken"] += 1
        self.message, self.positions, self.velocities = message, positions, velocities
        tick, before = int(fields["tick"]), self._tick
        self._tick = tick
        self._ticks |= before not in (-1, tick)
        if tick != before or not self._ticks:  # a sender that repeats itself says nothing new
            self._fresh = now
        mode_machine = int(fields["mode_machine"])
        if self._mode_machine is None:
            self._mode_machine = mode_machine
            self.model = self.model or model_of(mode_machine)
        return True

    def age(self, now: int) -> float:
        """[s] since something new was said; infinite before the first message."""
        return float("inf") if self._fresh is None else max(0, now - self._fresh) / NANOSECONDS

    def problem(self, now: int) -> Problem | None:
        """What is wrong at `now` [ns], the worst first."""
        if len(self._wrong) == MOST_WRONG and now - self._wrong[0] < WRONG_WITHIN:
            return Problem("crc", f"{MOST_WRONG} messages of lowstate with a wrong checksum within a second", latched=True)
        message = self.message
        if message is None or self._fresh is None:
            return Problem("lowstate", f"no lowstate yet ({self._refused()}); is the interface right, and the domain?")
        if self._mode_machine is None or self._mode_machine != message.fields["mode_machine"]:
            text = f"mode_machine was {self._mode_machine} and is {message.fields['mode_machine']}"
            return Problem("mode_machine", text, latched=True)
        if now - self._fresh > self._timeout:
            return Problem("lowstate", f"lowstate is {self.age(now):.3f} s old, limit {self._settings.state_timeout} s")
        if self.model is None:
            known = ", ".join(f"{', '.join(map(str, model.modes))}: {model.name} joints" for model in MODELS.values())
            return Problem("model", f"mode_machine {self._mode_machine} is not known ({known}); set `model`")
        told = model_of(self._mode_machine)
        if told is not None and told is not self.model:
            return Problem(
                "model", f"mode_machine {self._mode_machine} is of {told.name} joints, but `model` says {self.model.name}", latched=True
            )
        return self._motors(message, self.model)

    def _motors(self, message: Packed, model: Model) -> Problem | None:
        motors = message.fields["motor_state"][:BODY]
        errors = motors["motorstate"] & np.uint32(~self._settings.ignored_motor_errors & 0xFFFFFFFF)
        hottest = motors["temperature"].max(axis=1)
        if not errors.any() and hottest.max() <= self._settings.max_temperature:
            return None
        for place, joint in enumerate(JOINTS):
            if not model.has(joint):
                continue
            if errors[place]:
                return Problem("motor_error", f"motor {place} ({joint}) reports 0x{int(errors[place]):X}", latched=True)
            if hottest[place] > self._settings.max_temperature:
                text = f"motor {place} ({joint}) has {hottest[place]} deg C, limit {self._settings.max_temperature:g}"
                return Problem("temperature", text, latched=True)
        return None

    def _refused(self) -> str:
        refused = ", ".join(f"{n} {why}" for why, n in self.counts.items() if why not in ("taken", "without_crc"))
        return refused or "nothing was heard"
