"""What the monitor publishes, made from planned paths and diagnostics: lines, a text, and paths.

A line's points fade along its horizon, and the lines of older chunks are fainter and thinner. All drawings vanish by themselves when
nothing new comes (lifetime), and follow their frame when it moves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from geometry_msgs.msg import Point, Pose, PoseStamped, Quaternion
from nav_msgs.msg import Path
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker

from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.control.chunk import BASE  # also the name of its path, beside those of the links
from neon_control.core.control.plan import PlannedPath
from neon_control.core.robot.kinematics import quaternions
from neon_control.nodes.chunk_messages import to_duration, to_time
from neon_control.nodes.status import Status

Colour = tuple[float, float, float]
LINK_COLOURS: tuple[Colour, ...] = ((0.94, 0.59, 0.12), (0.12, 0.63, 0.47), (0.75, 0.35, 0.85), (0.85, 0.75, 0.2))
BASE_COLOUR, DRIVEN_COLOUR = (0.35, 0.6, 1.0), (0.6, 0.6, 0.6)
LEVEL_COLOURS = ((0.5, 0.9, 0.5), (1.0, 0.85, 0.3), (1.0, 0.35, 0.3), (0.7, 0.7, 0.7))  # by the level of a DiagnosticStatus
STALE = 3  # the last of them
NEWEST_WIDTH, OLDER_WIDTH = 0.012, 0.006  # [m]
HORIZON_FADE, AGE_FADE = 0.8, 0.6  # what the last point loses of its opacity; what each newer chunk leaves
TEXT_PLACE, TEXT_HEIGHT = (0.0, 0.0, 0.9), 0.05  # [m] above the root link; of a capital letter


class Drawing:
    """Makes messages in one frame.

    Args:
        frame: the root link's frame.
        links: the L links of the planned paths.
        lifetime: [s] a marker stays this long.
        floor: [m] height at which paths of the base are drawn.
    """

    def __init__(self, frame: str, links: Sequence[str], lifetime: float, floor: float) -> None:
        self._frame, self._lifetime, self._floor = frame, to_duration(lifetime), floor
        self._colours = {link: LINK_COLOURS[i % len(LINK_COLOURS)] for i, link in enumerate(links)}

    def chunk_lines(self, paths: Sequence[PlannedPath], now: int) -> list[Marker]:
        """A line for each link and the base in each path, which are given newest first."""
        markers = []
        for age, path in enumerate(paths):
            for name, points, colour in self._lines(path):
                markers.append(self._line(f"chunk/{name}", age, points, fading(colour, len(points), age), now))
        return markers

    def driven_line(self, poses: np.ndarray, now: int) -> Marker:
        """Where the base has been: (P, 3) x, y, yaw in the frame, oldest first."""
        return self._line("driven", 0, self._on_floor(poses), fading(DRIVEN_COLOUR, len(poses), 0)[::-1], now)

    def text(self, text: str, level: int, now: int) -> Marker:
        """The text above the robot, in the colour of a diagnostic level."""
        marker = self._marker("text", 0, Marker.TEXT_VIEW_FACING, now)
        marker.pose.position = Point(x=TEXT_PLACE[0], y=TEXT_PLACE[1], z=TEXT_PLACE[2])
        marker.scale.z, marker.text = TEXT_HEIGHT, text
        marker.color = _rgba(LEVEL_COLOURS[min(level, STALE)], 1.0)
        return marker

    def paths(self, path: PlannedPath, now: int, stamp: int) -> dict[str, Path]:
        """Poses of each link and the base; each pose carries the time for which it is planned.

        Args:
            stamp: [ns] of the frame's newest transform, by which viewers place the whole.
        """
        yaw = path.base[:, 2]
        turns = {link: quaternions(path.rotations[i]) for i, link in enumerate(self._colours)}
        turns[BASE] = np.stack([np.zeros_like(yaw), np.zeros_like(yaw), np.sin(yaw / 2), np.cos(yaw / 2)], axis=1)
        headers = [Header(stamp=to_time(now + round(s * NANOSECONDS)), frame_id=self._frame) for s in path.seconds.tolist()]
        messages = {}
        for name, points, _ in self._lines(path):
            poses = [
                PoseStamped(header=h, pose=Pose(position=_point(p), orientation=Quaternion(x=q[0], y=q[1], z=q[2], w=q[3])))
                for h, p, q in zip(headers, points.tolist(), turns[name].tolist(), strict=True)
            ]
            messages[name] = Path(header=Header(stamp=to_time(stamp), frame_id=self._frame), poses=poses)
        return messages

    def _lines(self, path: PlannedPath) -> list[tuple[str, np.ndarray, Colour]]:
        """Name, points (P, 3) and colour of each link's line and the base's."""
        links = [(link, path.places[i], colour) for i, (link, colour) in enumerate(self._colours.items())]
        return [*links, (BASE, self._on_floor(path.base), BASE_COLOUR)]

    def _on_floor(self, poses: np.ndarray) -> np.ndarray:
        return np.column_stack([poses[:, :2], np.full(len(poses), self._floor)])

    def _line(self, namespace: str, age: int, points: np.ndarray, colours: Sequence[ColorRGBA], now: int) -> Marker:
        marker = self._marker(namespace, age, Marker.LINE_STRIP, now)
        marker.scale.x = OLDER_WIDTH if age else NEWEST_WIDTH
        marker.points, marker.colors = [_point(p) for p in points.tolist()], colours
        return marker

    def _marker(self, namespace: str, number: int, kind: int, now: int) -> Marker:
        marker = Marker(ns=namespace, id=number, type=kind, action=Marker.ADD, lifetime=self._lifetime, frame_locked=True)
        marker.header.stamp, marker.header.frame_id = to_time(now), self._frame
        marker.pose.orientation.w = 1.0
        return marker


@lru_cache(maxsize=1024)
def fading(colour: Colour, count: int, age: int) -> list[ColorRGBA]:
    """Colours of `count` points, from the present on, in the line of a chunk that `age` newer ones have followed."""
    return [_rgba(colour, AGE_FADE**age * (1.0 - HORIZON_FADE * i / max(1, count - 1))) for i in range(count)]


def summary(control: Status | None, inference: Status | None, stale: Mapping[str, float]) -> str:
    """The text: what the executor does and how fast, what the inference node says, and what is stale.

    Args:
        control, inference: newest status of the two nodes; None: not known or too old.
        stale: what is stale -> how old it is [s], infinite: never received.
    """
    lines = []
    if control is not None:
        votes = ", ".join(f"{count} {key.removeprefix('votes/')}" for key, count in control.values.items() if key.startswith("votes/"))
        lines += [
            f"executor: {control.message}",
            f"observation to command {_ms(control, 'observation_to_command_ms/p50')} (p99 {_ms(control, 'observation_to_command_ms/p99')})",
            f"votes {votes}; newest observation {_ms(control, 'newest_chunk_age_ms')} old",
        ]
    if inference is not None:
        lines.append(f"policy: {inference.message}, {_ms(inference, 'inference_ms/p50')} (p99 {_ms(inference, 'inference_ms/p99')})")
    lines += [f"stale: {name}, {'never received' if np.isinf(age) else f'{age:.1f} s old'}" for name, age in stale.items()]
    return "\n".join(lines)


def _ms(status: Status, key: str) -> str:
    value = status.number(key)
    return "? ms" if value is None else f"{value:.0f} ms"


def _point(xyz: Sequence[float]) -> Point:
    return Point(x=xyz[0], y=xyz[1], z=xyz[2])


def _rgba(colour: Colour, opacity: float) -> ColorRGBA:
    return ColorRGBA(r=colour[0], g=colour[1], b=colour[2], a=opacity)
