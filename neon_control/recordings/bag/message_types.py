"""The definition and the hash of a message type, for the bag that its messages go into."""

from __future__ import annotations

import functools
from pathlib import Path

from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from neon_control.core.common.paths import prefixes
from neon_control.recordings.bag.bag_file import BagError


@functools.cache
def _types() -> Typestore:
    """Known types come from `rosbags`; others, for example a vendor's, from the ROS packages that are installed."""
    return get_typestore(Stores.ROS2_JAZZY)


def find_definition(kind: str, digest: str = "") -> tuple[str, str]:
    """Definition text with all its parts, and RIHS01 hash, of `kind`.

    Args:
        digest: the hash that the publisher announces; empty where the middleware tells none.

    Raises:
        BagError: the type is not installed here, or is another edition than the publisher's.
    """
    _learn(kind)
    found = _types().hash_rihs01(kind)
    if digest and digest != found:
        raise BagError(f"type {kind}: the publisher's definition is {digest}, the one known here is {found}")
    return _types().generate_msgdef(kind, ros_version=2)[0], found


def _learn(kind: str) -> None:
    if kind in _types().fielddefs:
        return
    found = get_types_from_msg(_message_file(kind).read_text(), kind)
    for _, fields in found.values():
        for _, (_, description) in fields:
            part: object = description if isinstance(description, str) else description[0]
            part = part[1] if isinstance(part, tuple) else part
            if isinstance(part, str) and "/msg/" in part and part not in found:
                _learn(part)
    _types().register(found)


def _message_file(kind: str) -> Path:
    package, _, name = kind.split("/")
    for prefix in prefixes():
        file = Path(prefix) / "share" / package / "msg" / f"{name}.msg"
        if file.is_file():
            return file
    raise BagError(f"type {kind}: its package is not installed here (no share/{package}/msg/{name}.msg in {prefixes()})")
