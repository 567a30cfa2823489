"""A robot file before a person has seen it: guessed from a robot's description, and from what was heard of the robot where it runs.

What is written here is either in the URDF, or heard, or marked: a guess is never passed off as a fact. `robot_draft_text.py` writes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.guessed_groups import Group, Groups, guess_groups
from neon_control.core.robot.guessed_limits import GuessedLimits, guess_limits
from neon_control.core.robot.heard import Heard, camera_name
from neon_control.core.robot.kinematics import Kinematics
from neon_control.core.robot.name_words import words
from neon_control.core.robot.openings import openings
from neon_control.core.robot.robot import PARTS
from neon_control.core.robot.stated import Stated
from neon_control.core.robot.topic_names import BASE_COMMAND
from neon_control.core.robot.urdf import Urdf, read_urdf

CAMERAS = frozenset(
    ("camera", "cam", "realsense", "d405", "d415", "d435", "d435i", "d455", "zed", "xtion", "kinect", "astra", "orbbec", "rgbd")
)
NOT_COLOUR = frozenset(("depth", "infra", "ir", "accel", "gyro", "imu"))
NOT_NAMES = frozenset(("link", "frame", "joint", "optical", "rgb", "color", "colour", "bottom", "screw", "axis", "mount", "base"))
SIDEWAYS = frozenset(("mecanum", "omni", "omniwheel", "roller", "swerve", "steering"))
BASE_VELOCITY = {"vx": 0.2, "yaw_rate": 0.5}  # [m/s, rad/s] slower than any base that people ride beside
BASE_ACCELERATION = {"vx": 0.5, "yaw_rate": 1.0}  # [m/s^2, rad/s^2]: to rest within 0.5 s


@dataclass
class Draft:
    """The sections of a robot file; what is marked, a person has to decide."""

    name: Stated
    urdf: Stated
    urdf_arguments: dict[str, str]
    joint_prefix: Stated
    groups: Groups
    parts: dict[str, Stated]
    limits: GuessedLimits
    controllers: dict[str, Stated] = field(default_factory=dict)
    grippers: dict[str, Stated] = field(default_factory=dict)
    base: Stated | None = None
    cameras: dict[str, Stated] = field(default_factory=dict)
    end_effectors: dict[str, str] = field(default_factory=dict)  # group of an arm -> the link at its end
    doubts: list[str] = field(default_factory=list)  # of joints that nothing is written of

    @property
    def walks(self) -> bool:
        """Whether it has legs, and so perhaps a controller that takes velocities."""
        return any(group.part == "legs" for group in self.groups.groups)


def draft_robot(file: Path, named: str, arguments: dict[str, str] | None = None, heard: Heard | None = None) -> Draft:
    """The draft of a robot file.

    Args:
        file: a URDF, expanded where it was a xacro file.
        named: what the robot file calls it.
        heard: of the running robot; None: nobody has listened.

    Raises:
        ConfigError: the URDF cannot be read, is no tree, or has no joint that moves.
    """
    urdf = read_urdf(file)
    tree = Kinematics(file)  # refuses links in a circle
    kinematics = tree if _is_plain(urdf) else None
    groups = guess_groups(urdf, lambda joint: _y_of(urdf, kinematics, joint))
    if not groups.joints and not groups.unknown:
        raise ConfigError(f"{urdf.file}: it has no joint that could be commanded; its joints are {sorted(urdf.joints)}")
    by_name = {group.name: group.joints for group in groups.groups}
    limits = guess_limits(urdf, by_name, [group.name for group in groups.groups if group.gripper])
    name = Stated(urdf.name or "robot")
    draft = Draft(name, Stated(named), dict(arguments or {}), Stated(""), groups, _parts(groups), limits)
    draft.grippers = {group.name: _gripper(group, urdf, kinematics) for group in groups.groups if group.gripper}
    draft.base = _base(urdf, groups, heard)
    _add_controllers(draft, heard)
    draft.cameras = _cameras(urdf, heard)
    draft.end_effectors = {group.name: _outermost(urdf, group.joints[-1]) for group in groups.groups if group.part == "arms"}
    if groups.unknown:
        draft.doubts.append(
            f"nothing says what {', '.join(groups.unknown)} {'is' if len(groups.unknown) == 1 else 'are'}: "
            "put them into groups, or leave them out, and they are not commanded"
        )
    if heard is not None:
        _add_names(draft, heard)
    return draft


def _is_plain(urdf: Urdf) -> bool:
    """Whether all links have places that positions of joints tell."""
    return all(joint.kind not in ("floating", "planar") for joint in urdf.joints.values())


def _y_of(urdf: Urdf, kinematics: Kinematics | None, joint: str) -> float:
    """[m] of a joint's place, with all joints at zero."""
    return 0.0 if kinematics is None else float(kinematics.poses([urdf.joints[joint].child], {})[0][0, 0, 1])


def _outermost(urdf: Urdf, joint: str) -> str:
    """The outermost link that a joint carries rigidly."""
    link = urdf.joints[joint].child
    while carried := [other.child for other in urdf.joints.values() if other.parent == link and other.kind == "fixed"]:
        link = carried[-1]
    return link


def _parts(groups: Groups) -> dict[str, Stated]:
    parts = {part: [group.name for group in groups.groups if group.part == part] for part in PARTS}
    heads = [group.name for group in groups.groups if group.is_head]
    stated = {part: Stated(names) for part, names in parts.items() if names}
    if heads:
        text = f"the modes upper_body and whole_body command {', '.join(heads)}, too; take it out where something else looks around"
        stated["torso"] = Stated(parts["torso"], text)
    if "arms" not in stated:
        stated = {"arms": Stated([], "no arm was found; every robot needs a group here"), **stated}
    return stated


def _gripper(group: Group, urdf: Urdf, kinematics: Kinematics | None) -> Stated:
    value: dict[str, Any] = {"kind": group.gripper, "on_stop": "keep"}
    decide = []
    if group.gripper == "gripper":
        ends = openings(urdf, kinematics, group.joints) if kinematics is not None else None
        if ends is not None:
            value |= {"open": ends[0], "closed": ends[1]}
            decide.append(f"open is taken to be where {ends[2]}")
        else:
            decide.append("the URDF does not show which end of its range is open; state `open` and `closed`, or leave them out")
        if len(group.joints) > 1:
            decide.append("its joints move on their own in the URDF; where one motor moves them, group that joint only")
    return Stated(value, "; ".join(decide))


def _base(urdf: Urdf, groups: Groups, heard: Heard | None) -> Stated | None:
    """The section `base`; None where nothing has wheels and nobody listens for a velocity."""
    told = heard.base() if heard is not None else None
    said = {word for joint in urdf.joints.values() for word in words(f"{joint.name} {joint.child}")}
    wheels = len(groups.wheels)
    if not wheels and told is None and not said & {"wheel", "caster"}:
        return None
    velocity, acceleration = dict(BASE_VELOCITY), dict(BASE_ACCELERATION)
    if said & SIDEWAYS:
        velocity, acceleration = ({"vx": v["vx"], "vy": v["vx"], "yaw_rate": v["yaw_rate"]} for v in (velocity, acceleration))
        kind = "names in the URDF speak of wheels that go sideways; leave `vy` out where it cannot"
    else:
        kind = f"taken not to go sideways, by {wheels} wheels in the URDF; add `vy` to both where it can"
    value: dict[str, Any] = {"max_velocity": velocity, "max_acceleration": acceleration}
    decide = f"{kind}. A slow start [m/s, rad/s, m/s^2, rad/s^2]"
    if told is None:
        return Stated(value, f"{decide}. It listens to cmd_vel, of TwistStamped; else state `topic`, `message: twist`")
    topic, message = told
    value |= ({"topic": topic} if topic != BASE_COMMAND else {}) | {"message": message}
    return Stated(value, decide, f"{topic} is listened to as {message}")


def _add_controllers(draft: Draft, heard: Heard | None) -> None:
    names = {group.name: group.joints for group in draft.groups.groups}
    found = heard.controllers(names) if heard is not None else {}
    for group in names:
        name = f"{group}_controller"
        topic, kind = found.get(group, (f"{name}/joint_trajectory", "joint_trajectory"))
        value: dict[str, Any] = {"topic": topic, **({} if kind == "joint_trajectory" else {"type": kind}), "joints": [group]}
        if group not in found:
            more = ", or `gripper_command` with the action's name" if group in draft.grippers else ""
            nobody = "nobody listens to such a topic now; " if heard is not None else ""
            decide = f"{nobody}the topic is a guess; `type: position` where it takes Float64MultiArray{more}"
        else:
            decide = "its name says nothing of these joints; they have to be all of its joints" if not _names(topic, group) else ""
        draft.controllers[name] = Stated(value, decide, "heard" if group in found else "")


def _names(topic: str, group: str) -> bool:
    return bool(set(words(topic)) & set(words(group)))


def _cameras(urdf: Urdf, heard: Heard | None) -> dict[str, Stated]:
    if heard is not None and (found := heard.cameras()):
        return {name: Stated(value, note="heard") for name, value in found.items()}
    names: dict[str, Stated] = {}
    for link in urdf.links:
        said = words(link)
        if CAMERAS & set(said) and not NOT_COLOUR & set(said):
            name = camera_name("_".join(word for word in said if word not in NOT_NAMES))
            names.setdefault(name, Stated({"topic": f"{name}/image_raw"}, "the topic is a guess; or take the camera out"))
    return names


def _add_names(draft: Draft, heard: Heard) -> None:
    """Compare the joints' names with those that arrive."""
    joints = draft.groups.joints
    if not heard.joints:
        draft.doubts.append("nothing arrived on joint_states: are these the drivers' names of the joints?")
        return
    prefix = heard.prefix(joints)
    draft.joint_prefix = Stated(prefix, note="heard" if prefix else "")
    if missing := [joint for joint in joints if prefix + joint not in heard.joints]:
        draft.doubts.append(
            f"nothing arrived of {', '.join(missing)}: the executor waits for every joint that it commands; take them out of their groups, "
            "or start what publishes them"
        )
