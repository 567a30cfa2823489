"""Command-line options made from the fields of a configuration."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import MISSING, Field, fields
from typing import Any, get_type_hints

import yaml

from neon_control.core.common.fields import default_of, rules_of

METAVARS = {int: "N", float: "X", str: "TEXT", bool: "true|false"}


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
            group = parser.add_argument_group(entry.name, rules_of(entry).text)
            for key, text in keys[entry.name].items():
                group.add_argument(f"--{entry.name}.{key}", type=_value, metavar="VALUE", help=text)
        elif rules_of(entry).choices:
            parser.add_argument(f"--{entry.name}", choices=rules_of(entry).choices, help=_help(entry))
        elif rules_of(entry).alone:
            parser.add_argument(f"--{entry.name}", nargs="+", metavar=METAVARS[str], help=_help(entry))
        else:
            convert = kind if kind in (int, float, str) else _value
            metavar = rules_of(entry).unit or METAVARS.get(kind, "'[A, B]'")
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


def _help(entry: Field[Any]) -> str:
    default = default_of(entry)
    told = "" if default is MISSING or default in ("", ()) else f" (default: {default})".replace("%", "%%")
    return rules_of(entry).text + told


def _value(text: str) -> Any:
    """A value as YAML writes it; 1e-3, which YAML takes for a text, is a number."""
    if any(c.isdigit() for c in text) and "e" in text.lower():
        with suppress(ValueError):
            return float(text)
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no YAML value: {error}") from error
