"""Parameters that a node was given and does not have: a slip of the pen, which ROS takes without a word.

`tracking_eror_limit: 0.2` would leave the limit at its default, and a file for `executer_node` would leave everything there. Both are
refused at the start, with the nearest name. What a file says to every node (`/**`) may be meant for others: of that we only warn, as of
the parameters that ROS itself declares where it is asked to (`qos_overrides`).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import pairwise
from pathlib import Path
from typing import Any

from rclpy.node import Node

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.nearest import did_you_mean
from neon_control.core.common.yaml_file import read_mapping

# One file may be for all of them, and each reads its own part.
OURS = ("inference_node", "executor_node", "monitor_node", "sim_node", "unitree_node", "unitree_sim_node")
OF_ROS = "qos_overrides."  # what begins with this
SLIP = 0.8  # likeness of two node names, without "_node", from which on one is the other, misspelt


def check_given(node: Node, words: Sequence[str] | None = None) -> None:
    """Call it when all parameters are declared.

    Args:
        words: the command line, where the parameter files are named; default: that of this process.

    Raises:
        ConfigError: a parameter is unknown, or a file is for a node of another name or namespace.
    """
    given: list[str] = list(node._parameter_overrides)
    known, name = list(node._parameters), node.get_fully_qualified_name()
    to_all: set[str] = set()  # what files say to every node
    to_this: set[str] = set()
    for file in (f for f in _files(sys.argv if words is None else words) if f.is_file()):
        sections = dict(_sections(read_mapping(file)))
        _check_names(node, file, list(sections))
        for key, names in sections.items():
            if _is_for_all(key):
                to_all |= names
            elif _matches(key, name):
                to_this |= names
    for parameter in (p for p in given if p not in known):
        text = f"{name}: there is no parameter {parameter}{did_you_mean(parameter, known)}"
        if parameter not in to_all - to_this and not parameter.startswith(OF_ROS):
            raise ConfigError(text)
        node.get_logger().warning(f"without effect: {text}")


def _check_names(node: Node, file: Path, sections: Sequence[str]) -> None:
    """Whether a file that has nothing for this node was meant for it."""
    full, name = node.get_fully_qualified_name(), node.get_name()
    if any(_matches(key, full) and not _is_for_all(key) for key in sections):
        return
    for key in sections:
        last = key.rsplit("/", 1)[-1]
        if last == name:
            raise ConfigError(
                f"{file}: the section {key} does not reach the node {full}; write /**/{name}, which reaches it in any namespace"
            )
        if last not in OURS and SequenceMatcher(None, last.removesuffix("_node"), name.removesuffix("_node")).ratio() >= SLIP:
            raise ConfigError(f"{file}: the section {key} is of no node; did you mean /**/{name}?")
    if sections and not any(_is_for_all(key) or key.rsplit("/", 1)[-1] in OURS for key in sections):
        node.get_logger().warning(f"{file} is for {', '.join(sections)}; it has nothing for {full}")


def _files(words: Sequence[str]) -> Iterator[Path]:
    """The parameter files of a command line."""
    return (Path(file) for option, file in pairwise(words) if option == "--params-file")


def _sections(data: dict[str, Any], path: str = "") -> Iterator[tuple[str, set[str]]]:
    """The node name of each section, as a path, and the parameters in it, written with dots."""
    for key, value in data.items():
        if key == "ros__parameters":
            yield path, set(_names(value))
        elif isinstance(value, dict):
            yield from _sections(value, f"{path}/{str(key).lstrip('/')}")


def _names(value: Any, prefix: str = "") -> Iterator[str]:
    for key, entry in value.items() if isinstance(value, dict) else ():
        if isinstance(entry, dict):
            yield from _names(entry, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def _is_for_all(key: str) -> bool:
    return set(key) <= {"/", "*"}


def _matches(key: str, name: str) -> bool:
    """ROS's wildcards: `*` is one part of a name, `**` any number of them."""
    parts = {"**": r"(/[^/]+)*", "*": r"/[^/]+"}
    return re.fullmatch("".join(parts.get(part, "/" + re.escape(part)) for part in key.strip("/").split("/")), name) is not None
