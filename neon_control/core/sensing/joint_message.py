"""The one rule by which joints are read from JointState messages, whoever measures: executor, policy, training, evaluation, monitors.

A robot's drivers may report its joints in any order and in several messages, beside joints that nobody asked for. What is said about these
does not matter, a message without any of ours least of all. A message with one of ours is taken or refused as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neon_control.core.common.errors import ObservationError
from neon_control.core.robot.turns import near
from neon_control.core.robot.wire import PLAIN, Wire

LAYOUTS = 64  # lists of names that are remembered; drivers repeat theirs for ever

NOTHING = np.zeros(0)
EVERY = np.logical_and.reduce  # as `all`, at half the cost for so few
Positions = Sequence[float] | np.ndarray


@dataclass(frozen=True, eq=False)
class Layout:
    """Where the joints that we need stand in messages with one list of names."""

    count: int  # n
    columns: np.ndarray  # (n,) ours, rising
    places: np.ndarray  # (n,) theirs
    lower: np.ndarray  # (n,) [rad]
    upper: np.ndarray  # (n,) [rad]
    turning: np.ndarray  # (m,) rows of ours that turn without end


class JointPicker:
    """Picks joints out of messages.

    Args:
        joint_names: the J joints that are needed.
        lower, upper: (J,) [rad] what a measurement can be; beyond it an encoder is not homed, or broken. None: anything finite.
        wire: how drivers speak of the joints. Of those that turn without end, positions go on from those before, wrapped or not.
    """

    def __init__(
        self, joint_names: Sequence[str], lower: np.ndarray | None = None, upper: np.ndarray | None = None, wire: Wire = PLAIN
    ) -> None:
        self.joint_names = tuple(joint_names)
        self.wire = wire
        self._turned = np.full(len(self.joint_names), np.nan)  # (J,) [rad] the newest position of those that turn without end
        finite = np.finfo(np.float64).max  # no bound is infinite, so that a position within its bounds is finite
        self._lower = np.full(len(self.joint_names), -finite) if lower is None else np.maximum(lower, -finite)
        self._upper = np.full(len(self.joint_names), finite) if upper is None else np.minimum(upper, finite)
        self._columns = {name: i for i, name in enumerate(wire.names(self.joint_names))}  # by their names in messages
        self._layouts: dict[tuple[str, ...], Layout] = {}
        self._last_names: Sequence[str] = ()
        self._last = self._layout(())

    def needs(self, names: Sequence[str]) -> bool:
        """Whether any of `names` is a joint of ours."""
        return any(name in self._columns for name in names)

    def pick(self, names: Sequence[str], positions: Positions) -> tuple[Layout, np.ndarray]:
        """Which of our joints a message holds, none included, and their positions (n,) [rad].

        Raises:
            ObservationError: names and positions differ in number, a joint of ours is named twice, or its position is not finite or
                no position that it can have.
        """
        if names != self._last_names:
            self._last = self._layouts.get(tuple(names)) or self._layout(tuple(names))
            self._last_names = names[:]  # a copy of its kind: a list never equals a tuple
        layout = self._last
        if not layout.count:
            return layout, NOTHING
        values = np.asarray(positions, dtype=np.float64)
        if values.shape != (len(names),):
            raise _refused(f"{len(names)} names but positions of shape {values.shape}")
        values = values[layout.places]
        if not EVERY((layout.lower <= values) & (values <= layout.upper)):
            self._explain(layout, values)
        if layout.turning.size:  # `values` is a copy already
            columns = layout.columns[layout.turning]
            values[layout.turning] = self._turned[columns] = near(values[layout.turning], self._turned[columns])
        return layout, values

    def every(self, names: Sequence[str], positions: Positions) -> dict[str, float]:
        """Joint -> position [rad], for those who show all joints: of ours by the rule, of others where it is finite. Raises as `pick`."""
        self.pick(names, positions)
        if len(names) != len(positions):
            return {}
        joints = self.wire.joints(names)
        said = zip(names, joints, positions, strict=True)
        # A name that lacks our prefix is another robot's joint, also where ours is called like that without it.
        ours = ((name, value) for told, name, value in said if told in self._columns or name not in self.joint_names)
        return {name: float(value) for name, value in ours if np.isfinite(value)}

    def _layout(self, names: tuple[str, ...]) -> Layout:
        pairs = sorted((self._columns[name], place) for place, name in enumerate(names) if name in self._columns)
        columns = np.array([column for column, _ in pairs], dtype=np.intp)
        if len(set(columns)) < len(columns):  # as many names as joints, and yet a joint that nobody measured
            twice = sorted({self.joint_names[c] for c in columns if (columns == c).sum() > 1})
            raise _refused(f"{twice} named more than once in a message")
        places = np.array([place for _, place in pairs], dtype=np.intp)
        turning = np.array([row for row, c in enumerate(columns) if self.joint_names[c] in self.wire.turning], dtype=np.intp)
        layout = Layout(len(pairs), columns, places, self._lower[columns], self._upper[columns], turning)
        if len(self._layouts) >= LAYOUTS:
            self._layouts.clear()
        self._layouts[names] = layout
        return layout

    def _explain(self, layout: Layout, values: np.ndarray) -> None:
        found = [(self.joint_names[c], v) for c, v in zip(layout.columns, values, strict=True)]
        bad = [name for name, value in found if not np.isfinite(value)]
        if bad:
            raise _refused(f"position of {bad} is not finite")
        outside = (values < layout.lower) | (values > layout.upper)
        text = ", ".join(f"{name} = {value:.3f}" for (name, value), out in zip(found, outside, strict=True) if out)
        raise _refused(f"far outside the joint's range: {text}; is the encoder homed?")


def _refused(text: str) -> ObservationError:
    return ObservationError(f"joint_states: {text}", ("joint_states",))
