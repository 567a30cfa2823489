"""What was heard of a running robot, as far as a robot file tells it: names of joints, topics and their types. Who listens is in nodes/."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from neon_control.core.robot.message_types import BASES, COMMANDS, GOALS, IMAGES
from neon_control.core.robot.name_words import ARM, FINGER, GRIPPER, kind_of, side_of

CLOSES = (GRIPPER, FINGER)


@dataclass(frozen=True)
class Heard:
    """Topics by the names that a robot file gives them, each with its type."""

    joints: tuple[str, ...] = ()  # as drivers call them
    commanded: dict[str, str] = field(default_factory=dict)  # those that somebody subscribes to who may move something
    images: dict[str, str] = field(default_factory=dict)  # those that somebody publishes
    actions: dict[str, str] = field(default_factory=dict)  # servers of actions

    def prefix(self, names: Collection[str]) -> str:
        """What stands before the joints' names in messages, before as many as possible; nothing where they arrive as they are."""
        found = {name.removesuffix(joint) for name in self.joints for joint in names if name.endswith(joint)}
        counted = {prefix: len({prefix + joint for joint in names} & set(self.joints)) for prefix in found}
        return max(sorted(counted, key=len), key=lambda prefix: counted[prefix], default="")

    def controllers(self, groups: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, str]]:
        """Group -> the topic and the type of the controller whose name fits it, as its kind and its side say; not of all groups."""
        streams = {topic: COMMANDS[kind] for topic, kind in self.commanded.items() if kind in COMMANDS}
        goals = {topic: GOALS[kind] for topic, kind in self.actions.items() if kind in GOALS}
        found: dict[str, tuple[str, str]] = {}
        for group in groups:
            closes = kind_of(group) in CLOSES
            for topic, kind in {**streams, **(goals if closes else {})}.items():
                if group not in found and topic not in _taken(found) and _fits(group, topic):
                    found[group] = topic, kind
        arms = [group for group in groups if kind_of(group) == ARM and group not in found]
        nameless = [topic for topic in streams if topic not in _taken(found) and not kind_of(topic)]
        if len(arms) == 1 and len(nameless) == 1:
            found[arms[0]] = nameless[0], streams[nameless[0]]
        return found

    def base(self) -> tuple[str, str] | None:
        """The topic of the base's velocity, the one that is called so before others, and `twist` or `twist_stamped`."""
        topics = {topic: BASES[kind] for topic, kind in self.commanded.items() if kind in BASES}
        topic = min(topics, key=lambda name: (name != "cmd_vel", not name.endswith("cmd_vel"), len(name), name), default="")
        return (topic, topics[topic]) if topic else None

    def cameras(self) -> dict[str, dict[str, str]]:
        """Name -> `topic`, and `transport` of those whose images come compressed only; of colour images, by the names of their topics."""
        raw = {topic for topic, kind in self.images.items() if IMAGES[kind] == "raw"}
        packed = {
            t.removesuffix("/compressed") for t, kind in self.images.items() if IMAGES[kind] == "compressed" and t.endswith("/compressed")
        }
        found: dict[str, dict[str, str]] = {}
        for topic in sorted(raw | packed):
            if any(word in topic.lower() for word in ("depth", "infra", "mask", "theora", "/ir/")):
                continue
            parts = [
                part for part in topic.split("/") if part not in ("", "image_raw", "image", "image_color", "image_rect", "color", "rgb")
            ]
            name = _free(camera_name("_".join(dict.fromkeys(parts))), found)
            found[name] = {"topic": topic} | ({} if topic in raw else {"transport": "compressed"})
        return found


def _taken(found: Mapping[str, tuple[str, str]]) -> set[str]:
    return {topic for topic, _ in found.values()}


def _fits(group: str, topic: str) -> bool:
    kinds = [kind_of(group), kind_of(topic)]
    closes = [kind in CLOSES for kind in kinds]
    return bool(kinds[0]) and (kinds[0] == kinds[1] or all(closes)) and side_of([group], True) == side_of([topic], True)


def camera_name(text: str) -> str:
    """What a robot file may call a camera that is called so."""
    name = "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in text).strip("_")
    return f"camera_{name}" if name[:1].isdigit() else name or "camera"


def _free(name: str, taken: Collection[str]) -> str:
    """The name, with a number where it is taken."""
    free, count = name, 1
    while free in taken:
        count += 1
        free = f"{name}_{count}"
    return free
