"""Fields of a configuration that explain and check themselves, and the command-line options made from them."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import MISSING, Field, field, fields
from typing import Any, get_args, get_type_hints

import yaml

from neon_control.core.common.errors import ConfigError

NUMBERS = (int, float)
NO_RULES: Mapping[str, Any] = {"least": None, "most": None, "choices": ()}
METAVARS = {int: "N", float: "X", str: "TEXT", bool: "true|false"}


def option(
    default: Any, text: str, least: float | None = None, most: float | None = None, choices: tuple[str, ...] = (), unit: str = ""
) -> Any:
    """A dataclass field with its help text, and the values that it may have; MISSING as default: it must be given."""
    metadata = {"help": text, "least": least, "most": most, "choices": choices, "unit": unit}
    if isinstance(default, (dict, list)):
        return field(default_factory=lambda: default.copy(), metadata=metadata)
    return field(default=default, metadata=metadata)


def check_options(config: Any) -> None:
    """Compare every field made by `option` with its type and its range.

    Raises:
        ConfigError: a value is of another kind or out of range; the message names the field and what it needs.
    """
    kinds = get_type_hints(type(config))
    for entry in fields(config):
        check_value(f"{type(config).__name__}.{entry.name}", getattr(config, entry.name), kinds[entry.name], entry.metadata)


def check_value(name: str, value: Any, kind: Any, rules: Mapping[str, Any] = NO_RULES) -> None:
    """Compare one value with a type and the metadata of an `option`.

    Raises:
        ConfigError: it does not fit; the message names `name`, and what it needs.
    """
    of_texts = get_args(kind) == (str,)  # Sequence[str]
    kind = getattr(kind, "__origin__", kind)  # Mapping[str, Any] -> Mapping
    if not _fits(value, kind, rules) or (of_texts and not all(isinstance(entry, str) for entry in value)):
        raise ConfigError(f"{name} must be {_needs(kind, rules)}{' of texts' if of_texts else ''}, got {value!r}")


def add_options(parser: argparse.ArgumentParser, config: type, keys: Mapping[str, Mapping[str, str]]) -> None:
    """An option for each field, under the name that it has in a YAML file; none has a default of its own.

    Args:
        keys: of a field that is a mapping, the entries to offer as `--field.entry`, with a help text for each.
    """
    parser.allow_abbrev = False  # a misspelt field is refused, not taken for another one
    kinds = get_type_hints(config)
    for entry in fields(config):
        kind = kinds[entry.name]
        if entry.name in keys:
            group = parser.add_argument_group(entry.name, entry.metadata["help"])
            for key, text in keys[entry.name].items():
                group.add_argument(f"--{entry.name}.{key}", type=_value, metavar="VALUE", help=text)
        elif entry.metadata["choices"]:
            parser.add_argument(f"--{entry.name}", choices=entry.metadata["choices"], help=_help(entry))
        else:
            convert = kind if kind in (int, float, str) else _value
            metavar = entry.metadata["unit"] or METAVARS.get(kind, "'[A, B]'")
            parser.add_argument(f"--{entry.name}", type=convert, metavar=metavar, help=_help(entry))


def given_options(args: argparse.Namespace, config: type) -> dict[str, Any]:
    """What the command line says: field -> value, and for a mapping field -> {entry: value}."""
    known = {f.name for f in fields(config)}
    given: dict[str, Any] = {}
    for name, value in vars(args).items():
        top, _, key = name.partition(".")
        if value is None or top not in known:
            continue
        if key:
            given.setdefault(top, {})[key] = value
        else:
            given[top] = value
    return given


def _fits(value: Any, kind: type, rules: Mapping[str, Any]) -> bool:
    if kind in NUMBERS:
        least, most = (default if rules[end] is None else rules[end] for end, default in (("least", -math.inf), ("most", math.inf)))
        number = isinstance(value, (int, float) if kind is float else int) and not isinstance(value, bool)
        return number and least <= value <= most  # NaN is neither
    if isinstance(value, str) and kind is not str:
        return False  # a text is a sequence too
    return isinstance(value, kind) and (not rules["choices"] or value in rules["choices"])


def _needs(kind: type, rules: Mapping[str, Any]) -> str:
    if rules["choices"]:
        return f"one of {list(rules['choices'])}"
    if kind in NUMBERS:
        text = "a whole number" if kind is int else "a number"
        if rules["most"] is not None:
            return f"{text} from {rules['least']} to {rules['most']}"
        return text if rules["least"] is None else f"{text} >= {rules['least']}"
    return {str: "a text", bool: "true or false"}.get(kind, f"a {kind.__name__.lower()}")


def _help(entry: Field[Any]) -> str:
    default = entry.default if entry.default_factory is MISSING else entry.default_factory()
    return str(entry.metadata["help"]) + ("" if default is MISSING or default in ("", []) else f" (default: {default})").replace("%", "%%")


def _value(text: str) -> Any:
    """A value as YAML writes it; 1e-3, which YAML takes for a text, is a number."""
    if any(c.isdigit() for c in text) and "e" in text.lower():
        with suppress(ValueError):
            return float(text)
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no YAML value: {error}") from error
