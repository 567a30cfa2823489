"""What was found, for machines: one JSON document, written episode by episode."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass
from typing import IO, Any

import numpy as np

from neon_control import __version__
from neon_control.core.robot.action_space import ActionSpace
from neon_control.doctor.figures import EpisodeFigures
from neon_control.doctor.verdict import VERDICTS, Judged

FORMAT = 1  # of the document; raised when fields change their meaning, not when some are added
BY_JOINT = ("jumps", "used", "outside", "at_limit", "joint_errors")


def figures_line(figures: EpisodeFigures | None, space: ActionSpace) -> str:
    """The figures of an episode as one line of JSON: names of the dataclasses' fields, arrays of joints by joint, NaN as null."""
    return json.dumps({} if figures is None else _plain(figures, space.joint_names))


def write_document(
    stream: IO[str], robot: str, space: ActionSpace, judged: Sequence[Judged], lines: Iterable[str], problems: Iterable[dict[str, Any]]
) -> None:
    """Write the document.

    Args:
        lines: as of `figures_line`, in the order of the episodes; they are read one by one.
        problems: what the readers reported.
    """
    head = {
        "format": FORMAT,
        "neon_control": __version__,
        "robot": robot,
        "mode": space.mode,
        "summary": summary(judged),
        "problems": list(problems),
    }
    stream.write(json.dumps(head, ensure_ascii=False)[:-1] + ', "episodes": [')
    for number, (episode, line) in enumerate(zip(judged, lines, strict=True)):
        about = {
            "recording": episode.recording,
            "episode": episode.number,
            "verdict": episode.verdict,
            "reasons": [{"verdict": r.verdict, "text": r.text} for r in episode.reasons],
        }
        stream.write((",\n" if number else "\n") + json.dumps({**about, **json.loads(line)}, ensure_ascii=False))
    stream.write("\n]}\n")


def summary(judged: Sequence[Judged]) -> dict[str, Any]:
    """Of the whole set."""
    counts = {verdict: sum(e.verdict == verdict for e in judged) for verdict in VERDICTS}
    return {"episodes": len(judged), **counts, "seconds": sum(e.seconds for e in judged), "samples": sum(e.samples for e in judged)}


def _plain(value: Any, joints: Sequence[str]) -> Any:
    if is_dataclass(value):
        found = {f.name: getattr(value, f.name) for f in fields(value)}
        return {
            name: dict(zip(joints, _plain(entry, joints), strict=True)) if name in BY_JOINT else _plain(entry, joints)
            for name, entry in found.items()
        }
    if isinstance(value, dict):
        return {str(key): _plain(entry, joints) for key, entry in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist(), joints)
    if isinstance(value, list | tuple):
        return [_plain(entry, joints) for entry in value]
    if isinstance(value, float):
        return float(f"{value:.9g}") if math.isfinite(value) else None
    return value
