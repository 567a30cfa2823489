"""Reading YAML files that people write, or that come from elsewhere: a slip of the pen is told, and no file can take the process down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from neon_control.core.common.errors import ConfigError

MAX_BYTES = 4 << 20
MAX_NODES = 200_000  # with every alias written out: a few nested ones stand for billions, which an error message would print


class _Loader(yaml.SafeLoader):
    """The safe loader, which also refuses a key that is given twice (YAML's own rule; the last one would win) and floods of aliases."""

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
        ConfigError: not YAML, a key is given twice, more than anybody writes, or something else at the top level; it names the file.
    """
    if file.stat().st_size > MAX_BYTES:
        raise ConfigError(f"{file}: not valid YAML: {file.stat().st_size} bytes, at most {MAX_BYTES} are read")
    try:
        data = yaml.load(file.read_text(), _Loader)  # a safe one
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{file}: not valid YAML: {error}") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{file}: expected a mapping at the top level, got {type(data).__name__}")
    return data
