"""Keeps the robot's bodies clear of each other, of boxes and of the floor, on the way that is about to be commanded and on the one to rest.

Each period the executor hands in the way (H, J): the pose last commanded, the next one, and how the joints would come to rest from it.
A pair of bodies counts only if the way brings it nearer than it is now:

- nearer than `slow_distance`: the joints that bring it nearer keep a velocity from which the way to rest takes no more than `SHARE` of
  what is left down to `stop_distance`; that way goes with the square of the velocity, so its root is the factor by which they slow down;
- nearer than `stop_distance`: the way is refused, and the executor brakes along the one that it found clear a period before.

A pair that is nearer than that when the policy begins to be followed may not come nearer than it was then, until it is out: the ways to
rest from a straight way out bend, and what they lose to the pose of just now must not stop it again and again.

After a stop, the way from the held pose to the policy's must keep the refused pairs half way between the two distances, and no way is
tried sooner than after `PAUSE`: what lies between the poses that are looked at would stop it at once.

To measure all of them takes longer than a period may. A joint that has moved by dq since a measurement cannot have brought a pair nearer
than its lever times |dq| (`Distances.levers`), so what was measured, less that, is still known to be kept: only pairs for which it falls
below `slow_distance` are measured again, at once if it falls below `stop_distance`, else every `REFRESH` seconds.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from neon_control.core.common.errors import ConfigError
from neon_control.core.control.limits import Limiter
from neon_control.core.robot.bodies import Body, box_body, fit_bodies
from neon_control.core.robot.clearance_settings import FLOOR, ClearanceSettings
from neon_control.core.robot.distances import Distances
from neon_control.core.robot.placing import Placing
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.shapes import read_shapes
from neon_control.core.robot.touching import worth_measuring
from neon_control.core.robot.urdf import read_urdf

REFRESH = 0.04  # [s] oldest measurement that decides on the velocity
SHARE = 0.5  # of the distance that is left, for the way to rest
LEAST, SLOWEST, FASTEST = 0.02, 0.5, 1.5  # share of the velocity limit that is always left; factor on the velocity in one refresh
MARGIN = 0.15  # [m] beyond `slow_distance` in which distances are measured exactly and last the longer
ROUNDING = 1e-9  # [m] what comes nearer by less in a period does not come nearer: at 500 Hz less than 2 mm in an hour
LARGE = 10.0  # [m] half the extent of the floor
TRANSFER = np.linspace(0.0, 1.0, 11) ** 1.5  # poses that are measured between two: nearer to each other where a motion begins
PAUSE = 0.5  # [s] from a refusal until the policy may be followed again


class Gap(NamedTuple):
    """Two bodies and what lies between them."""

    first: str  # a link, a box of `keep_out`, or `floor`
    second: str
    distance: float  # [m] negative where they meet

    def __str__(self) -> str:
        return f"{self.first} {self.distance:.3f} m from {self.second}"


class ClearanceGuard:
    """See the module's text.

    Args:
        robot: with a section `clearance` in its file.
        joint_names: the J joints that are commanded; all others are taken to stand at zero.
        period: [s] between two steps.

    Attributes:
        velocity: (J,) [rad/s] that is allowed, as of the last call.
        nearest: what came nearest on the last way that was measured, None before; of pairs that lie far from each other nothing is known.
        cause: what the last refusal was for; None: nothing is refused.
        without: links that are not guarded, with the reason.

    Raises:
        ConfigError: the URDF has no shapes, or they cannot be read; `allowed` names what is not there.
    """

    def __init__(self, robot: Robot, joint_names: tuple[str, ...], period: float) -> None:
        self.settings = _settings(robot)
        self._joint_names = joint_names
        shapes, self.without = read_shapes(robot.urdf_path, self.settings.visual)
        if not shapes:
            link, reason = next(iter(self.without.items()))
            raise ConfigError(f"{robot.file}: clearance: no link of {robot.urdf_path} has a shape to guard, {link} for example: {reason}")
        ranges, urdf = robot.spans(joint_names), read_urdf(robot.urdf_path)  # (2, J)
        placing = Placing(urdf, joint_names, np.abs(ranges).max(axis=0))
        bodies = fit_bodies(shapes)
        names = [body.link for body in bodies]
        root = next(iter(placing.anchors))
        for name, (lower, upper) in _boxes(self.settings).items():
            pose = np.eye(4)
            pose[:3, 3] = 0.5 * (lower + upper)
            bodies.append(box_body(root, len(shapes) + len(names), pose, 0.5 * (upper - lower)))
            names.append(name)
        _check_allowed(robot, self.settings, urdf.links, {*placing.anchors, *names})
        fixed = [name not in placing.anchors for name in names]
        candidates = _candidates(placing, bodies, names, self.settings.allowed)
        pairs = worth_measuring(placing, bodies, candidates, fixed, ranges, self.settings.slow_distance, self.settings.stop_distance)
        self.pairs = [(names[a], names[b]) for a, b in pairs]
        self._distances = Distances(placing, bodies, pairs, len(joint_names))
        self._levers = np.ascontiguousarray(self._distances.levers.T)  # (J, K)
        self._max_velocity = robot.limits(joint_names, "max_velocity")
        self._refresh, self._pause = max(1, round(REFRESH / period)), round(PAUSE / period)  # [periods]
        self.forget()

    def forget(self) -> None:
        """Begin anew (activation)."""
        self.velocity = self._max_velocity
        self.nearest: Gap | None = None
        self.cause: Gap | None = None
        self._way: np.ndarray | None = None  # (H, J) when last measured
        self._known = np.zeros(0)  # (H, K) [m] then
        self._least = np.full(len(self.pairs), self.settings.stop_distance)  # (K,) [m] on the way back to the policy's pose
        self._floor: np.ndarray | None = None  # (K,) [m] nearer than which nothing may come; None: the policy is not followed yet
        self._age = self._waited = 0  # [periods] since then, and until the way back is looked at again

    def step(self, limiter: Limiter, joints: slice, target: np.ndarray) -> None:
        """One step of the limiter, or, where that would lead too near to something, of the stop that follows with the next tick."""
        if self.cause is None:
            before = limiter.state(slice(None))
            limiter.allowed_rate[joints] = self.velocity
            limiter.step(target)
            limiter.allowed_rate[joints] = limiter.max_rate[joints]  # of stops, which are not touched
            rate = limiter.rate[joints]
            if self.allows(way_to_rest(before[0][joints], limiter.value[joints], rate, limiter.max_change[joints]), rate):
                return
            limiter.restore(slice(None), before)
        limiter.step(target, braking=joints)

    def allows(self, way: np.ndarray, rate: np.ndarray) -> bool:
        """Whether a way (H, J) may be commanded, its first row being the pose last commanded, the next one left at `rate` (J,) [rad/s]."""
        slow, stop = self.settings.slow_distance, self.settings.stop_distance
        self._age += 1
        if self._way is None:
            known = self._distances.measure(way, slow + MARGIN)
        else:
            known = self._known - np.abs(way - self._way) @ self._levers
            least = known.min(initial=np.inf)
            if least > slow:
                self.velocity = self._max_velocity
                return True
            if least > stop and self._age < self._refresh:
                return True
            doubtful = np.flatnonzero((known <= slow).any(axis=0))
            known[:, doubtful] = self._distances.measure(way, slow + MARGIN, doubtful)
        self._way, self._age, self._known = way, 0, known
        if self._floor is None:
            self._floor = np.minimum(known[0], stop)
        self._floor[known.min(axis=0) >= stop] = stop
        ahead, nearer = self._approached(known)
        near = np.flatnonzero(nearer & (ahead < slow))
        self._slow_down(near, known[0, near] - self._floor[near], known[0, near] - ahead[near], rate)
        self._refuse(near[ahead[near] < self._floor[near]], ahead)
        return self.cause is None

    def may_follow(self, held: np.ndarray, target: np.ndarray) -> bool:
        """Whether the way from a held pose (J,) straight to the policy's (J,) is clear; looked at every `REFRESH` seconds."""
        self._floor = None
        self._waited -= 1
        if self._waited < 0:
            if self.is_clear(held, target):
                self._least[:] = self.settings.stop_distance
            self._waited = self._refresh - 1
        return self.cause is None

    def is_clear(self, held: np.ndarray, target: np.ndarray) -> bool:
        """The same, looked at now: what is refused has to keep more distance before the policy is followed again."""
        way = held + TRANSFER[:, None] * (target - held)
        ahead, nearer = self._approached(self._distances.measure(way, self.settings.slow_distance))
        self._refuse(np.flatnonzero(nearer & (ahead < self._least)), ahead)
        return self.cause is None

    def _refuse(self, pairs: np.ndarray, distances: np.ndarray) -> None:
        """Some pairs (N,), for their distances out of all (K,) [m]; none of them: nothing is refused."""
        self.cause = self._gap(pairs, distances)
        self._least[pairs] = 0.5 * (self.settings.slow_distance + self.settings.stop_distance)
        self._waited = self._pause if len(pairs) else self._waited

    def slowed(self) -> list[str]:
        """Joints whose velocity is held below its limit."""
        velocity = self.velocity
        return [name for name, slow in zip(self._joint_names, velocity < self._max_velocity, strict=True) if slow]

    def _slow_down(self, near: np.ndarray, left: np.ndarray, needed: np.ndarray, rate: np.ndarray) -> None:
        """Set the velocity by what is left [m] of the pairs `near` (N,), and what the way to rest needs of it [m]."""
        self.velocity = self._max_velocity
        if len(near):
            factors = np.sqrt(np.clip(SHARE * left / needed, SLOWEST**2, FASTEST**2))
            factor = np.where(self._levers[:, near] > 0.0, factors, np.inf).min(axis=1)  # (J,) infinite: it has no part in it
            slowed = np.clip(np.abs(rate) * np.minimum(factor, FASTEST), LEAST * self._max_velocity, self._max_velocity)
            self.velocity = np.where(np.isinf(factor), self._max_velocity, slowed)

    def _approached(self, distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(K,) [m] the nearest along a way, and whether that is nearer than in its first row; notes the nearest of all."""
        ahead = distances[1:].min(axis=0)
        self.nearest = self._gap(np.arange(len(ahead)), ahead)
        return ahead, ahead < distances[0] - ROUNDING

    def _gap(self, numbers: np.ndarray, distances: np.ndarray) -> Gap | None:
        """The nearest of some pairs."""
        if not len(numbers):
            return None
        number = int(numbers[distances[numbers].argmin()])
        return Gap(*self.pairs[number], float(distances[number]))


def way_to_rest(before: np.ndarray, value: np.ndarray, rate: np.ndarray, max_change: np.ndarray) -> np.ndarray:
    """(5, J): the last position, then half way and the end of two ways to rest from `value` at `rate`, all of (J,).

    The first is what a controller does that hears no more: all joints brake evenly and rest together. The second is what the executor
    does when it stops: each brakes as hard as it may. Both contain the next position's neighbourhood, so that it needs no row of its own.
    """
    alone = np.abs(rate) / max_change  # (J,) [s] until each is at rest
    together = alone.max(initial=0.0)
    end, end_alone = 0.5 * rate * together, 0.5 * rate * alone
    # Half of the way is done after 1 - sqrt(1/2) of the time; a joint that brakes alone may then be further.
    half_time = 0.5 * together
    braked = np.minimum(half_time, alone)
    half_alone = rate * braked - 0.5 * np.copysign(max_change, rate) * braked**2
    return np.stack([before, value + 0.5 * end, value + end, value + half_alone, value + end_alone])


def _settings(robot: Robot) -> ClearanceSettings:
    if robot.clearance is None:
        raise ConfigError(f"{robot.file}: missing field 'clearance': there is nothing to guard")
    return robot.clearance


def _boxes(settings: ClearanceSettings) -> Mapping[str, tuple[np.ndarray, np.ndarray]]:
    """Lower and upper corner (3,) [m] of what nothing may enter."""
    boxes = {name: (box.lower, box.upper) for name, box in settings.keep_out.items()}
    if settings.floor is not None:
        wide = np.array([LARGE, LARGE, 0.0])
        boxes[FLOOR] = (np.array([0.0, 0.0, settings.floor - LARGE]) - wide, np.array([0.0, 0.0, settings.floor]) + wide)
    return boxes


def _check_allowed(robot: Robot, settings: ClearanceSettings, links: Collection[str], known: set[str]) -> None:
    for pair in settings.allowed:
        unknown = [name for name in pair if name not in known]
        if unknown:
            raise ConfigError(f"{robot.file}: clearance.allowed names {unknown}, but there is only {sorted(known)}")
    both = sorted(_boxes(settings).keys() & set(links))
    if both:
        raise ConfigError(f"{robot.file}: clearance.keep_out names {both}, which are links of the robot ('{FLOOR}': the floor's name)")


def _candidates(placing: Placing, bodies: Sequence[Body], names: Sequence[str], allowed: Sequence[tuple[str, str]]) -> np.ndarray:
    """(C, 2) pairs that move against each other: of two shapes all bars, or the one's box against the other's bars."""
    of_shape: dict[int, list[int]] = {}
    for number, body in enumerate(bodies):
        of_shape.setdefault(body.shape, []).append(number)
    let = {frozenset(pair) for pair in allowed}
    pairs = []
    for these, those in combinations(of_shape.values(), 2):
        frames = [placing.anchors[bodies[group[0]].link] for group in (these, those)]
        joined = frames[0] == frames[1] or placing.above[frames[0]] == frames[1] or placing.above[frames[1]] == frames[0]
        obstacle = any(names[group[0]] not in placing.anchors for group in (these, those))
        if frames[0] == frames[1] or (joined and not obstacle) or frozenset((names[these[0]], names[those[0]])) in let:
            continue
        boxes = [[n for n in group if bodies[n].half is not None] for group in (these, those)]
        bars = [[n for n in group if bodies[n].half is None] for group in (these, those)]
        first, second = (boxes[0], bars[1]) if boxes[0] else (bars[0], boxes[1]) if boxes[1] else (bars[0], bars[1])
        pairs += [(a, b) for a in first for b in second]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)
