"""Which controllers follow the motion: each is brought onto it by an `Entry`, and watched for as long as it is cheap to go back.

A controller of type `position` has no trajectory that could lead it anywhere: it counts as joined, and is watched only.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.control.entering import LEAST_STEP, STEP, Entry
from neon_control.core.control.promise import Motion
from neon_control.core.robot.robot import Robot

EXPLAINED = 0.1  # [s] for which a joint may lag behind its commanded velocity
PAUSE = 1.0  # [s] before a controller that did not follow is tried again
TRUSTED = 1.0  # [s] at rest, after which a controller has to show anew that it follows


class Joining:
    """Of all controllers that drive some of `joint_names`.

    Args:
        limit: [rad] how far a joint may be left behind while holding and ramping; 0: nothing is watched, and all count as joined.
        period: [s] in which the acceleration may change by its limit of the jerk; a step turns it round at once.
        grips: (J,) joints that may meet things: they are not watched, and a controller of such joints alone has nothing to show.

    Attributes:
        columns: controller -> (A,) places of its joints among the J.
        entries: of the trajectory controllers.
        standing: the other controllers, which stand still when nothing comes.
        complaint: what did not follow, in words; empty: nothing.
    """

    def __init__(self, robot: Robot, joint_names: tuple[str, ...], limit: float, period: float, grips: np.ndarray | None = None) -> None:
        self._names, self._limit = joint_names, limit
        self._units = [robot.joints[name].unit for name in joint_names]
        self._shows = np.ones(len(joint_names), dtype=bool) if grips is None else ~grips  # (J,)
        places = {name: i for i, name in enumerate(joint_names)}
        ours = [c for c in robot.controllers if all(joint in places for joint in c.joints)]
        self.columns = {c.name: np.array([places[joint] for joint in c.joints], dtype=np.intp) for c in ours}
        velocity, acceleration, jerk = (robot.limits(joint_names, f"max_{f}") for f in ("velocity", "acceleration", "jerk"))
        acceleration = np.minimum(acceleration, 0.5 * period * jerk)
        self.entries = {c.name: Entry(self.columns[c.name], velocity, acceleration) for c in ours if c.type == "joint_trajectory"}
        for entry in self.entries.values():
            entry.shows = bool(self._shows[entry.columns].any())
        self.standing = [c.name for c in ours if c.name not in self.entries]
        self.complaint = ""
        self._again, self._quiet = 0, 0  # [ns] when to try again, and until when nothing may be sent
        self._sag = np.zeros(len(joint_names))  # (J,) [rad] measured minus commanded, of joints that follow
        self._joined = self._shows.copy()  # (J,)

    def begin(self, now: int, measured: np.ndarray) -> None:
        """Nothing was sent yet; the joints stand at `measured` (J,) [rad]."""
        self._again = self._quiet = 0
        for entry in self.entries.values():
            entry.forget()
            entry.joined = not self._limit
        self._note()
        self.place(now, measured, measured)

    def ask_again(self, rested: int) -> bool:
        """The policy is about to be followed, after `rested` [ns]: whether it has to wait for controllers to show that they follow."""
        if self._limit and rested > TRUSTED * NANOSECONDS:
            for entry in self.entries.values():
                entry.leave()
            self._note()
        return any(not entry.joined and (entry.shows or entry.lost) for entry in self.entries.values())

    @property
    def complete(self) -> bool:
        """Whether all follow the motion."""
        return all(entry.joined for entry in self.entries.values())

    def place(self, now: int, commanded: np.ndarray, measured: np.ndarray, untold: bool = False) -> None:
        """Send whoever is not joined to the pose measured, of a gripper that commanded; both (J,) [rad]. `untold`: those alone whose last
        message was not sent, as the first one of a process may not be, which takes long to make it.
        """
        for entry in self.entries.values():
            if not entry.joined and (entry.shows or entry.lost) and not (untold and entry.way is not None):
                entry.place(now, commanded[entry.columns], measured[entry.columns])

    def seek(self, now: int, commanded: np.ndarray, measured: np.ndarray, target: np.ndarray) -> bool:
        """Try those that are not joined towards `target`; all (J,) [rad]. True: there is nobody to wait for."""
        waits = False
        for name, entry in self.entries.items():
            if entry.joined:
                continue
            if not entry.shows:
                entry.joined = not entry.busy(now)
                waits |= not entry.joined
                continue
            here = measured[entry.columns]
            answer = entry.answer(now, here)
            if answer:
                self._note()
            elif answer is False:
                self._refuse(now, f"{self._names[entry.columns[0]]} and the other joints of {name} do not follow: is it active?")
            elif not entry.tried:
                entry.try_towards(now, commanded[entry.columns], here, target[entry.columns])
            waits |= not entry.joined and (entry.tried or entry.busy(now))
        return not waits

    def trial(self, now: int, measured: np.ndarray, target: np.ndarray) -> np.ndarray | None:
        """Where on the straight way to `target` (J,) those would be tried who are about to be; None: nobody is."""
        gap = np.zeros(len(measured))
        for entry in self.entries.values():
            if entry.shows and not (entry.joined or entry.tried or entry.busy(now)):
                gap[entry.columns] = (target - measured)[entry.columns]
        largest = np.abs(gap).max()
        return None if largest < LEAST_STEP else measured + gap * min(1.0, STEP / largest)

    def entering(self, instant: int) -> Iterator[tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]]:
        """Columns, and where they are at `instant` [ns], of those that are not joined."""
        for entry in self.entries.values():
            if not entry.joined and (state := entry.at(instant)) is not None:
                yield entry.columns, state

    def instants(self) -> list[np.ndarray]:
        """[ns] at which those that are not joined change their acceleration."""
        return [entry.way.times for entry in self.entries.values() if not entry.joined and entry.way is not None]

    def messages(self, motion: Motion) -> dict[str, Motion]:
        """What each is sent; the window of the motion for those that are joined."""
        messages = {}
        for name, entry in self.entries.items():
            if entry.joined:
                messages[name] = motion
            elif entry.message is not None:
                messages[name], entry.message = entry.message, None
        return messages

    def watch(self, now: int, gaps: np.ndarray, rate: np.ndarray) -> bool:
        """True: a joint does not follow, measured minus commanded being `gaps` (J,) [rad] at a velocity of `rate` (J,) [rad/s]."""
        if not self._limit:
            return False
        behind = np.abs(gaps - self._sag) > self._limit + EXPLAINED * np.abs(rate)
        behind &= self._joined
        if not behind.any():
            return False
        for entry in self.entries.values():
            if behind[entry.columns].any():
                entry.leave()
        joint = int(np.argmax(behind))
        self._note()
        self._refuse(
            now, f"{self._names[joint]} does not follow, by {abs(gaps[joint]):.3f} {self._units[joint]}: is its controller active?"
        )
        return True

    def worst(self, gaps: np.ndarray, limits: np.ndarray | float = 1.0) -> tuple[int, float]:
        """Which of the joints that are joined is farthest from where it should be by `gaps` (J,) [rad], and by how much; `limits` (J,)
        say how far is far."""
        ours = gaps * self._joined
        joint = int((np.abs(ours) / limits).argmax())
        return joint, float(ours[joint])

    def in_order(self, now: int) -> bool:
        """Whether the policy may be followed."""
        if now < self._again:
            return False
        self.complaint = ""
        return True

    def at_rest(self, now: int) -> bool:
        """Whether what was told before has ended, so that something new may be told."""
        return now >= self._quiet

    def lose(self, controller: str, now: int, rested: int) -> None:
        """Nobody knows what this one was told last; by `rested` [ns] it is at rest."""
        self._quiet = max(self._quiet, rested)
        entry = self.entries[controller]
        entry.leave()
        entry.joined, entry.lost = False, True
        self._note()
        self._refuse(now, f"a message to {controller} was held up while it was sent")

    def withdraw(self, controller: str) -> None:
        """The message was not sent."""
        entry = self.entries.get(controller)
        if entry is not None and not entry.joined:
            entry.leave()

    def shift(self, by: int) -> None:
        """The clock was set by so much [ns]."""
        self._again = self._quiet = 0
        for entry in self.entries.values():
            if not entry.joined:
                entry.leave()

    def _refuse(self, now: int, complaint: str) -> None:
        self.complaint, self._again = complaint, now + round(PAUSE * NANOSECONDS)

    def _note(self) -> None:
        for entry in self.entries.values():
            self._joined[entry.columns], self._sag[entry.columns] = entry.joined & self._shows[entry.columns], entry.standing
