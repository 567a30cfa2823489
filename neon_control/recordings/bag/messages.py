"""Messages of a bag, from CDR to their fields, and from there to numpy; without ROS."""

from __future__ import annotations

import functools
import re
from typing import Any

import numpy as np
from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from neon_control.core.common.nanoseconds import to_nanoseconds
from neon_control.recordings.bag.storage import Definition

IMAGE_TYPES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")
COMMAND_TYPES = ("trajectory_msgs/msg/JointTrajectory", "std_msgs/msg/Float64MultiArray")
BASE_TYPES = ("geometry_msgs/msg/TwistStamped", "geometry_msgs/msg/Twist")
TEXT = "std_msgs/msg/String"
SERVICE_EVENT = "service_msgs/msg/ServiceEventInfo"  # with which every service event begins
CDR_HEADER = 4  # [bytes] before the message
ENCODINGS = ("ros2msg", "ros2idl")  # of definitions; recorders also write "unknown", which is none
IDL_PART = re.compile(r"^=+\nIDL: .*\n", re.MULTILINE)  # what a recorder puts before each part of a definition


@functools.cache
def types() -> Typestore:
    """One for all that is read and written: it compiles what it needs of each message type at first use."""
    return get_typestore(Stores.ROS2_JAZZY)


@functools.cache
def _own_types(message_type: str, definition: Definition) -> Typestore:
    """The types that a bag itself defines."""
    store = get_typestore(Stores.EMPTY)
    if definition.encoding == "ros2idl":
        for part in IDL_PART.split(definition.text):
            store.register(get_types_from_idl(part) if part.strip() else {})
    else:
        store.register(get_types_from_msg(definition.text, message_type))
    return store


@functools.cache
def digest_of(message_type: str, definition: Definition) -> str:
    """The RIHS01 hash of a definition; empty where it is none."""
    if definition.encoding not in ENCODINGS:
        return ""
    try:
        return _own_types(message_type, definition).hash_rihs01(message_type)
    except Exception:  # parsers raise what they stumble over
        return ""


def type_of(kind: str, definition: Definition, digest: str) -> tuple[Typestore, str]:
    """Where a type is defined, and its name there: ours if it is the same edition, else the bag's own definition.

    Args:
        digest: RIHS01 hash of the type; where a bag does not tell it, that of the definition counts.

    Raises:
        ValueError: it is not known, or another edition of ours, and the bag does not define it.
    """
    if kind.endswith("_Event"):
        return types(), SERVICE_EVENT
    if kind in types().fielddefs and (digest or digest_of(kind, definition)) in ("", types().hash_rihs01(kind)):
        return types(), kind
    if definition.encoding not in ENCODINGS:
        raise ValueError(f"has the type {kind}, which is not known here in this edition, and the bag does not define it")
    return _own_types(kind, definition), kind


def deserialise(store: Typestore, kind: str, raw: bytes) -> Any:
    """A message from its bytes, whatever follows it; its arrays are numpy arrays.

    `Typestore.deserialize_cdr` refuses more than three bytes of padding, but `rclpy.serialization.serialize_message`, and so every
    recorder written in Python, leaves eight behind a JointState without velocities and efforts, and sixteen behind a trajectory.

    Raises:
        ValueError: no CDR, or too short; what is too short may also raise what the decoder stumbles over.
    """
    if raw[:2] not in (b"\x00\x00", b"\x00\x01"):  # big, little endian
        raise ValueError(f"begins with {raw[:CDR_HEADER].hex(' ')}, which is no plain CDR")
    definition = store.get_msgdef(kind)
    function = definition.deserialize_cdr_le if raw[1] else definition.deserialize_cdr_be
    message, end = function(raw[CDR_HEADER:], 0, definition.cls, store)
    if end > len(raw) - CDR_HEADER:
        raise ValueError(f"it has {len(raw) - CDR_HEADER} bytes, {end} are needed")
    return message


def stamp_of(message: Any) -> int:
    """[ns] of the header; 0, which says "now", where there is none."""
    return to_nanoseconds(message.header.stamp) if hasattr(message, "header") else 0


def velocity_of(message: Any) -> np.ndarray:
    """vx, vy, yaw rate (3,) [m/s, m/s, rad/s] of a Twist or TwistStamped."""
    twist = getattr(message, "twist", message)
    return np.array([twist.linear.x, twist.linear.y, twist.angular.z])
