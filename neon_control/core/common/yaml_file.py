"""Reading YAML files that people write, or that come from elsewhere: a slip of the pen is told, and no file can take the process down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.files import read_whole

MAX_BYTES = 4 << 20
MAX_NODES = 100_000  # with every alias written out: a few nested ones stand for billions, which an error message would print
MAX_DIGITS = 80  # of a number: Python takes hours for a sexagesimal one (1:59:59...) of a million
NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
WHOLE = range(-(2**63), 2**64)  # numbers that other programs can hold; larger ones cannot be printed, or have equal hashes by design


class _Loader(yaml.SafeLoader):
    """The safe loader, which also refuses a key that is given twice (YAML's own rule; the last one would win) and what has no end."""

    nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise yaml.constructor.ConstructorError(None, None, f"more than {MAX_NODES} values", self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        node: yaml.Node | None = super().compose_node(parent, index)
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        number = isinstance(node, yaml.ScalarNode) and node.tag in NUMBERS
        if number and len(node.value) > MAX_DIGITS:
            text = f"a number of {len(node.value)} digits, at most {MAX_DIGITS} are read"
            raise yaml.constructor.ConstructorError(None, None, text, node.start_mark)
        try:
            value = super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError) as error:  # what its parsers of numbers, dates and words stumble over
            text = f"'{str(node.value)[:MAX_DIGITS]}' is no {node.tag.rpartition(':')[2]}: {error}"
            raise yaml.constructor.ConstructorError(None, None, text, node.start_mark) from error
        if number and isinstance(value, int) and value not in WHOLE:
            raise yaml.constructor.ConstructorError(None, None, f"a whole number needs at most 64 bits, got {value}", node.start_mark)
        return value

    def get_single_node(self) -> yaml.Node | None:
        node: yaml.Node | None = super().get_single_node()
        if node is not None and _size(node, {}) > MAX_NODES:
            raise yaml.constructor.ConstructorError(None, None, f"more than {MAX_NODES} values", node.start_mark)
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if (key.tag, key.value) in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"'{key.value}' is given twice", key.start_mark)
                seen.add((key.tag, key.value))
        return dict(super().construct_mapping(node, deep))


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """Values below a node, each as often as aliases repeat it."""
    if id(node) not in known:
        known[id(node)] = MAX_NODES + 1  # while it is counted: a node that contains itself has no end
        children = [n for pair in node.value for n in pair] if isinstance(node, yaml.MappingNode) else node.value
        known[id(node)] = 1 + (0 if isinstance(node, yaml.ScalarNode) else sum(_size(child, known) for child in children))
    return known[id(node)]


def read_mapping(file: Path) -> dict[str, Any]:
    """The mapping at the top level of a YAML file.

    Raises:
        ConfigError: not there, not YAML, a key twice, more than anybody writes, or something else at the top level; it names the file.
    """
    try:
        data = yaml.load(read_whole(file, MAX_BYTES).decode(), _Loader)  # a safe one
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{file}: not valid YAML: {error}") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{file}: expected a mapping at the top level, got {type(data).__name__}")
    return data
