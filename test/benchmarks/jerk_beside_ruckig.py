"""The joints' limit of the jerk beside `ruckig` (MIT), on the same plans: 17 joints of the G1, each follower by itself, virtual time.

    python test/benchmarks/jerk_beside_ruckig.py [--max-jerk 500] [--rate 100] [--seconds 20] [--seed 1]

Without ruckig (`pip install ruckig`; no dependency of the package) it says so, and leaves those rows out.

    envelope   limits.py alone, which is what a robot without `max_jerk` has
    smoothed   smoothing.py in front of it, what `max_jerk` does
    ruckig     the time-optimal way to where the plan is, anew in each period, joints independent
    ruckig, v  the same, told the plan's velocity there; `v, a`: and its acceleration, where ruckig does not refuse it

Every follower is to be at time t where the plan is at t: the first two read it earlier, by their known delay.

    chunks     a policy's: sines, a chunk every 100 ms with steps of 20 ms, each off by 0.01 rad
    sines      at 0.6 of the limits
    steps      one a second, to anywhere in the middle half of the range
    ends       to and fro beyond both ends of the range, by steps and by sines
    noise      anywhere within the range, anew in each period

The jerk is the third difference of the commands, `at 1 kHz` that of what a controller draws through them as cubics, read every millisecond.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from controller_sweep import print_table

from neon_control.core.control.limits import envelope
from neon_control.core.control.smoothing import smoothing_for
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.robot_file import load_robot

Plan = Callable[[float, float], np.ndarray]  # (now, instant) [s] -> (J,) [rad]
CHUNK, STEP = 0.1, 0.02  # [s]
SETTLED = 1e-3  # [rad]


@dataclass
class Arm:
    """A robot's joints and their limits, (J,) each."""

    robot: Robot
    names: tuple[str, ...]
    lower: np.ndarray
    upper: np.ndarray
    velocity: np.ndarray
    acceleration: np.ndarray
    jerk: np.ndarray

    @classmethod
    def g1(cls, jerk: float) -> Arm:
        robot = load_robot("g1.yaml")
        robot = replace(robot, base=None, joints={name: replace(joint, max_jerk=jerk) for name, joint in robot.joints.items()})
        names = robot.parts["arms"] + robot.parts["torso"]
        fields = ("safe_lower", "safe_upper", "max_velocity", "max_acceleration", "max_jerk")
        return cls(robot, names, *(robot.limits(names, field) for field in fields))


class Ours:
    """The envelope, with or without what smooths in front of it."""

    def __init__(self, arm: Arm, dt: float, start: np.ndarray, smoothed: bool) -> None:
        self._limiter = envelope(arm.robot, arm.names, dt)
        self._limiter.anchor(start)
        self._smoothing = smoothing_for(arm.robot, arm.names, self._limiter) if smoothed else None
        self.ahead = 0.5 * dt + (self._smoothing.delay if self._smoothing else 0.0)  # [s]

    def step(self, target: np.ndarray, velocity: np.ndarray, acceleration: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The next command (J,) and its velocity."""
        self._limiter.step(self._smoothing.smooth(target) if self._smoothing else target)
        return self._limiter.value, self._limiter.rate


class ByRuckig:
    """Ruckig, asked anew in each period."""

    ahead = 0.0

    def __init__(self, arm: Arm, dt: float, start: np.ndarray, told: int) -> None:
        import ruckig

        count = len(arm.names)
        self._arm, self._told = arm, told  # 0: a place, 1: its velocity, 2: its acceleration, too
        self._ruckig, self._given, self._got = ruckig.Ruckig(count, dt), ruckig.InputParameter(count), ruckig.OutputParameter(count)
        self._error = ruckig.RuckigError
        self._given.synchronization = ruckig.Synchronization.No
        self._given.current_position = start.tolist()
        self._given.max_velocity, self._given.max_acceleration = arm.velocity.tolist(), arm.acceleration.tolist()
        self._given.max_jerk = arm.jerk.tolist()

    def step(self, target: np.ndarray, velocity: np.ndarray, acceleration: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The next command (J,) and its velocity."""
        arm, given = self._arm, self._given
        inside = np.clip(target, arm.lower, arm.upper)
        moves = inside == target
        given.target_position = inside.tolist()
        given.target_velocity = np.where(moves & (self._told > 0), np.clip(velocity, -arm.velocity, arm.velocity), 0.0).tolist()
        accelerates = np.where(moves & (self._told > 1), np.clip(acceleration, -arm.acceleration, arm.acceleration), 0.0)
        given.target_acceleration = accelerates.tolist()
        try:
            result = self._ruckig.update(given, self._got)
        except self._error:  # on the way from or to there, a limit would be exceeded
            given.target_acceleration = np.zeros_like(accelerates).tolist()
            result = self._ruckig.update(given, self._got)
        if result.value < 0:
            raise SystemExit(f"ruckig refused: {result}")
        self._got.pass_to_input(given)
        return np.array(self._got.new_position), np.array(self._got.new_velocity)


def plans(arm: Arm, rng: np.random.Generator, seconds: float, dt: float) -> dict[str, Plan]:
    """What to follow, by name."""
    count, middle, half = len(arm.names), 0.5 * (arm.lower + arm.upper), 0.5 * (arm.upper - arm.lower)
    phase = rng.uniform(0.0, 2.0 * np.pi, count)
    speed = rng.uniform(2.0, 6.0, count)  # [rad/s] of the phase
    height = 0.6 * np.minimum(np.minimum(arm.velocity / speed, arm.acceleration / speed**2), half)
    off = 0.01 * rng.normal(size=(int(seconds / CHUNK) + 2, count))
    places = middle + 0.5 * half * rng.uniform(-1.0, 1.0, (int(seconds) + 3, count))
    anywhere = rng.uniform(arm.lower, arm.upper, (int(seconds / dt) + 60, count))

    def sines(now: float, instant: float) -> np.ndarray:
        return middle + height * np.sin(speed * instant + phase)

    def chunks(now: float, instant: float) -> np.ndarray:
        chunk = int(now / CHUNK + 1e-9)
        step, share = divmod((instant - chunk * CHUNK) / STEP, 1.0)
        begin = chunk * CHUNK + step * STEP
        return off[chunk] + (1.0 - share) * sines(now, begin) + share * sines(now, begin + STEP)

    def steps(now: float, instant: float) -> np.ndarray:
        return places[int(now)]

    def ends(now: float, instant: float) -> np.ndarray:
        jumps = middle + 1.5 * half * np.where(int(now / 1.5) % 2, 1.0, -1.0)
        return np.where(np.arange(count) % 2, jumps, middle + 1.3 * half * np.sin(0.5 * speed * instant + phase))

    def noise(now: float, instant: float) -> np.ndarray:
        return anywhere[int(now / dt + 1e-6)]

    return {"chunks": chunks, "sines": sines, "steps": steps, "ends": ends, "noise": noise}


def follow(follower: Ours | ByRuckig, plan: Plan, ticks: int, dt: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Commands and velocities (K, J), and the CPU time of each [s] (K,)."""
    values, rates, taken = [], [], []
    for k in range(ticks):
        now, instant = k * dt, (k + 1) * dt + follower.ahead
        before, target, after = (plan(now, instant + by * dt) for by in (-0.5, 0.0, 0.5))
        velocity, acceleration = (after - before) / dt, (after - 2.0 * target + before) * 4.0 / dt**2
        begin = time.thread_time()
        value, rate = follower.step(target, velocity, acceleration)
        taken.append(time.thread_time() - begin)
        values.append(value.copy())
        rates.append(rate.copy())
    return np.array(values), np.array(rates), np.array(taken)


def largest_jerk_at_1_khz(values: np.ndarray, rates: np.ndarray, dt: float) -> float:
    """[rad/s^3] of the cubics between commands, read every millisecond, half a millisecond beside the commands."""
    u = (np.arange(round(1000 * dt)) + 0.5)[None, :, None] / round(1000 * dt)
    x0, x1, v0, v1 = values[:-1, None], values[1:, None], dt * rates[:-1, None], dt * rates[1:, None]
    read = x0 + u * (v0 + u * (3 * (x1 - x0) - 2 * v0 - v1 + u * (v0 + v1 - 2 * (x1 - x0))))
    return float(np.abs(np.diff(read.reshape(-1, values.shape[1]), n=3, axis=0)).max() * 1e9)


def lag(values: np.ndarray, wanted: np.ndarray, dt: float) -> float:
    """[ms] by which the commands fit the plan best when they are moved."""
    times = dt * np.arange(len(values))
    shifts = 1e-3 * np.arange(-100, 301)
    inner = (times > 0.5) & (times < times[-1] - 0.5)
    errors = []
    for shift in shifts:
        moved = np.stack([np.interp(times[inner] - shift, times, column) for column in wanted.T], axis=1)
        errors.append(float(np.square(values[inner] - moved).mean()))
    return 1e3 * float(shifts[int(np.argmin(errors))])


def settling(values: np.ndarray, plan: Plan, dt: float) -> float:
    """[s] p50 over steps and joints, from a step until the command stays within `SETTLED` of it."""
    times, every = [], round(1.0 / dt)
    for begin in range(every, len(values) - every + 1, every):
        away = np.abs(values[begin : begin + every] - plan(begin * dt, 0.0)) > SETTLED
        times += (dt * (every - away[::-1].argmax(axis=0)))[away.any(axis=0) & ~away[-1]].tolist()
    return float(np.median(times))


def figures(arm: Arm, plans: dict[str, Plan], name: str, follower: Ours | ByRuckig, ticks: int, dt: float) -> list[str]:
    """The cells of one row."""
    values, rates, taken = follow(follower, plans[name], ticks, dt)
    acceleration = np.diff(values, n=2, axis=0) / dt**2
    jerk = np.diff(values, n=3, axis=0) / dt**3
    beyond = max(float((arm.lower - values).max()), float((values - arm.upper).max()), 0.0)
    late = ""
    if name in ("chunks", "sines"):
        wanted = np.array([plans["sines"](0.0, (k + 1) * dt) for k in range(ticks)])
        error = np.sqrt(np.square(values - wanted)[round(0.5 / dt) :].mean())
        late = f"{lag(values, wanted, dt):.0f} ms, {1e3 * error:.1f} mrad"
    elif name == "steps":
        late = f"settled in {settling(values, plans[name], dt):.2f} s"
    ratios = (np.abs(rates) / arm.velocity).max(), (np.abs(acceleration) / arm.acceleration).max(), (np.abs(jerk) / arm.jerk).max()
    return [
        "{:.0f} / {:.0f}".format(*(1e6 * np.percentile(taken, (50, 99)))),
        late,
        f"{np.sqrt(np.square(jerk).mean()):.0f}",
        f"{np.abs(jerk).max():.0f}",
        f"{largest_jerk_at_1_khz(values, rates, dt):.0f}",
        " ".join(f"{ratio:.3f}" for ratio in ratios),
        f"{1e3 * beyond:.2f}",
    ]


HEAD = ["CPU us a tick, p50 / p99", "lag, error (RMS)", "jerk, RMS", "largest", "at 1 kHz", "velocity, acceleration, jerk, of the limit"]
HEAD += ["beyond the range [mrad]"]


def main() -> None:
    """Compare, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--max-jerk", type=float, default=500.0, help="[rad/s^3], of every joint")
    parser.add_argument("--rate", type=float, default=100.0, help="[Hz]")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each plan")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    arm, dt = Arm.g1(args.max_jerk), 1.0 / args.rate
    followers: dict[str, Callable[[np.ndarray], Ours | ByRuckig]] = {
        "envelope": partial(Ours, arm, dt, smoothed=False),
        "smoothed": partial(Ours, arm, dt, smoothed=True),
    }
    if importlib.util.find_spec("ruckig"):
        for told, name in enumerate(("ruckig", "ruckig, v", "ruckig, v, a")):
            followers[name] = partial(ByRuckig, arm, dt, told=told)
    else:
        print("ruckig is not installed (pip install ruckig): its rows are left out.\n")
    to_follow = plans(arm, np.random.default_rng(args.seed), args.seconds, dt)
    rows = {}
    for name, plan in to_follow.items():
        start = np.clip(plan(0.0, 0.0), arm.lower, arm.upper)
        for who, make in followers.items():
            rows[f"{name}: {who}"] = figures(arm, to_follow, name, make(start), round(args.seconds * args.rate), dt)
    print_table("plan: who follows", HEAD, rows)


if __name__ == "__main__":
    main()
