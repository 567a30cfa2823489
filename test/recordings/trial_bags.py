"""Recorded attempts of two policies, written as `record --episodes` writes them."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rclpy.qos import QoSProfile

from neon_control.core.robot.topic_names import COMMANDER, DIAGNOSTICS, EPISODE_STATE
from neon_control.recordings.bag.bag_file import POLICY_KEY
from neon_control.recordings.bag.making import IMAGE, image, text
from neon_control.recordings.bag.message_types import find_definition
from neon_control.recordings.bag.messages import TEXT, types
from neon_control.recordings.episode import FAILURE, RECORDING, SUCCESS, Episode
from neon_control.replay.episode_bag import EpisodeBag
from neon_control.replay.listening import offered_qos
from neon_control.replay.open_bag import Kind

MONDAY = 1_764_590_400 * 10**9  # [ns] noon of 2025-12-01, UTC
DAY = 86_400 * 10**9


@dataclass(frozen=True)
class Attempt:
    """What happened; seconds from the beginning."""

    policy: str = "old"
    outcome: str = SUCCESS
    start: int = MONDAY
    seconds: float = 12.0
    takeovers: tuple[tuple[float, float], ...] = ()  # from, to
    stops: tuple[tuple[float, str], ...] = ()  # when, cause
    note: str = ""
    robot: str = "arm6"
    version: str = "aaaaaaaa"
    closed: bool = True  # else the recorder was killed


def kind(name: str) -> Kind:
    return Kind(name, *find_definition(name), [offered_qos(QoSProfile(depth=1))])


def write_attempt(folder: Path, attempt: Attempt) -> Path:
    """A bag; returns its folder."""
    state = Episode(
        RECORDING, int(folder.name.split("_")[-1]), "", "cube into the box", "", attempt.policy, attempt.robot, begin=attempt.start
    )
    end = attempt.start + round(attempt.seconds * 1e9)
    ended = replace(state, state="idle", outcome=attempt.outcome, note=attempt.note, end=end if attempt.outcome else 0)
    events = [(attempt.start, EPISODE_STATE, TEXT, text(state.to_json())), (attempt.start, COMMANDER, TEXT, text("policy"))]
    for begin, over in attempt.takeovers:
        events += [(attempt.start + round(t * 1e9), COMMANDER, TEXT, text(who)) for t, who in ((begin, "takeover"), (over, "policy"))]
    for second in range(int(attempt.seconds) + 1):
        now = attempt.start + second * 10**9
        events.append((now, "camera/image_raw", IMAGE, image(now, picture(second / attempt.seconds, attempt))))
        events.append((now, DIAGNOSTICS, "diagnostic_msgs/msg/DiagnosticArray", diagnostics(second, attempt)))
    bag = EpisodeBag(folder, folder.parent / ".recorder")
    for moment, topic, name, data in sorted(events, key=lambda e: e[0]):
        bag.write(f"/{topic.lstrip('/')}", kind(name), moment, data)
    if not attempt.closed:
        bag.flush()
        return folder
    bag.write(f"/{EPISODE_STATE}", kind(TEXT), end, text(ended.to_json()))
    identity = {"policy": f"policies/{attempt.policy}", "name": attempt.policy, "files": {"policy.yaml": attempt.version}}
    for key, words in {POLICY_KEY: json.dumps(identity), **ended.metadata}.items():
        bag.note(key, words)
    bag.close()
    return folder


def diagnostics(second: int, attempt: Attempt) -> bytes:
    counts = {cause: 3 + sum(c == cause and t <= second for t, c in attempt.stops) for _, cause in attempt.stops}  # 3 from before
    make = types().types
    values = [make["diagnostic_msgs/msg/KeyValue"](f"stops/{cause}", str(count)) for cause, count in counts.items()]
    status = make["diagnostic_msgs/msg/DiagnosticStatus"](0, "executor_node: motion", "", "", values)
    header = make["std_msgs/msg/Header"](make["builtin_interfaces/msg/Time"](0, 0), "")
    message = make["diagnostic_msgs/msg/DiagnosticArray"](header, [status])
    return bytes(types().serialize_cdr(message, "diagnostic_msgs/msg/DiagnosticArray"))


def picture(share: float, attempt: Attempt) -> np.ndarray:
    """(72, 96, 3) a cube on its way to a box, which it reaches if that went well."""
    shown = np.full((72, 96, 3), 200, np.uint8)
    shown[40:66, 66:92] = (120, 90, 60)
    reach = 1.0 if attempt.outcome == SUCCESS else 0.45
    column = round(4 + 64 * min(1.0, share * 1.1) * reach)
    shown[48:60, column : column + 12] = (200, 40, 40) if attempt.policy == "old" else (40, 60, 200)
    return shown


def two_policies(root: Path, count: int = 30, seed: int = 0, interleaved: bool = True) -> Path:
    """`count` attempts each of `old`, which fails often, and `new`, on two days and two robots."""
    draw = np.random.default_rng(seed)
    order = [name for _ in range(count) for name in draw.permutation(["old", "new"])] if interleaved else ["old"] * count + ["new"] * count
    for number, policy in enumerate(order):
        good = draw.random() < {"old": 0.45, "new": 0.85}[policy]
        taken = tuple((t, t + 1.5) for t in sorted(draw.uniform(1.0, 9.0, draw.poisson(0.7 if policy == "old" else 0.2))))
        stops = ((6.0, "chunk_timeout"),) if draw.random() < 0.1 else ()
        attempt = Attempt(
            policy,
            SUCCESS if good else FAILURE,
            MONDAY + (number * 60) * 10**9 + (number >= count) * DAY,
            float(np.round(draw.uniform(8.0, 14.0), 1)),
            taken,
            stops,
            "" if good else str(draw.choice(["dropped it", "went to the wrong cube", "stopped above it"])),
            "arm6" if number % 3 else "arm6_left",
        )
        write_attempt(root / f"episode_{number + 1:05d}", attempt)
    return root
