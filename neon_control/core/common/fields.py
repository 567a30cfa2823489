"""Fields of a configuration that explain themselves, and the one loader that reads them: robot files, policies, training, ROS parameters.

    @dataclass(frozen=True)
    class Limits:
        scale: float = setting(text="of the URDF's velocity limit", above=0.0, maximum=1.0)  # needed: it has no default
        groups: tuple[str, ...] = setting((), "which groups", null=True)

    limits = load(Limits, {"scale": 0.5}, Place(file, "limits"))

Every error says the file, the field with the way to it, what was needed and what was given: `r.yaml: limits.scale must be a finite number
> 0.0 and <= 1.0, got 1.5`. It is code of our own because `core` needs numpy and yaml only: cattrs, msgspec and pydantic would each be one
more dependency of the executor, and take `true` for a number or NaN for a position unless they are taught, which is most of what is here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass, replace
from itertools import pairwise
from numbers import Integral, Real
from operator import ge, gt, le, lt
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from neon_control.core.common.errors import ConfigError, NeonControlError

T = TypeVar("T")
RULES = "rules"  # key of a field's metadata
NOUNS = {bool: "true or false", int: "a whole number", float: "a finite number", str: "a text"}
PLURALS = {bool: "truth values", int: "whole numbers", float: "finite numbers", str: "texts"}
NUMBERS: dict[type, type] = {int: Integral, float: Real}  # numpy's are such, too
UNIONS = (Union, UnionType)  # Optional[X] and X | None


@dataclass(frozen=True)
class Rules:
    """What a field means and which values it may have. Those of numbers and texts hold for every element of a list or mapping."""

    text: str = ""  # what it does, in a phrase
    unit: str = ""
    minimum: float | None = None
    above: float | None = None  # as `minimum`, without the bound itself
    maximum: float | None = None
    below: float | None = None
    choices: tuple[str, ...] = ()  # the words that a text may be; empty: any
    keys: tuple[str, ...] = ()  # of a mapping: all that it may have; an array or a tuple is written as a mapping with exactly these
    optional: tuple[str, ...] = ()  # of those keys: they may be left out of an array, and are 0 then
    alone: bool = False  # a text stands for the list of it alone
    filled: bool = False  # a text, list or mapping needs at least one letter or entry
    ascending: bool = False  # a list of numbers may not fall
    scalar: bool = False  # a text may look like a number in YAML: `name: 7`
    null: bool = False  # an empty value means the default, as a section without entries has it
    needed: bool = False  # a file has to give it although the object has a default
    is_key: bool = False  # it is the key under which the object stands in a mapping
    offered: bool = False  # of an object with fields of both kinds: people choose this one, the others are found out
    read_only: bool = True  # of a ROS parameter: False only where a change while running takes effect


NO_RULES = Rules()


@dataclass(frozen=True)
class Place:
    """Where a value stands, for errors."""

    file: str | Path = ""
    field: str = ""
    error: type[NeonControlError] = ConfigError

    def __str__(self) -> str:
        return ": ".join(str(part) for part in (self.file, self.field or ("the file" if self.file else "")) if part)

    def at(self, key: object) -> Place:
        """The place of an entry: by name, or by number in a list."""
        if isinstance(key, int):
            return replace(self, field=f"{self.field}[{key}]")
        return replace(self, field=f"{self.field}.{key}" if self.field else str(key))

    def wrong(self, needed: str, given: object) -> NeonControlError:
        """The error to raise."""
        return self.error(f"{self} must be {needed}, got {given!r}")


def setting(default: Any = MISSING, text: str = "", **rules: Any) -> Any:
    """A dataclass field with `Rules`; without a default it has to be given."""
    metadata = {RULES: Rules(text, **rules)}
    if isinstance(default, (dict, list)):
        return field(default_factory=default.copy, metadata=metadata)
    return field(default=default, metadata=metadata)


def rules_of(entry: Field[Any]) -> Rules:
    """The rules of a dataclass field, also of one that has none."""
    rules: Rules = entry.metadata.get(RULES, NO_RULES)
    return rules


def default_of(entry: Field[Any]) -> Any:
    """The default of a dataclass field; MISSING where it has to be given."""
    return entry.default if entry.default_factory is MISSING else entry.default_factory()


def load(cls: type[T], data: Any, place: Place, **given: Any) -> T:
    """A dataclass from a mapping, and from fields that are `given` already.

    A class with a true `FURTHER_FIELDS` skips what it does not know, others refuse it.

    Raises:
        NeonControlError: that of `place`: a field is missing, unknown or wrong.
    """
    names = [f.name for f in fields(cls) if f.name not in given]  # type: ignore[arg-type]
    values = load_fields(cls, data, place, names, getattr(cls, "FURTHER_FIELDS", False))
    try:
        return cls(**values, **given)
    except ConfigError as error:  # of its own checks, which begin with the field's name
        raise place.error(f"{place}.{error}" if place.field else f"{place.file}: {error}") from error


def load_fields(cls: type, data: Any, place: Place, names: Sequence[str], further: bool = False) -> dict[str, Any]:
    """Those fields of a dataclass that a mapping has, of `names` alone; with `further`, others are skipped. Raises as `load`."""
    known, kinds = {f.name: f for f in fields(cls) if f.name in names}, get_type_hints(cls)
    needed = [name for name, f in known.items() if default_of(f) is MISSING or rules_of(f).needed]
    values = read(Mapping, data, place)
    given = [name for name, value in values.items() if (name in known or not further) and not (value is None and name in needed)]
    check_keys(given, place, tuple(known), needed)
    return {
        name: read(_without_none(kinds[name]), values[name], place.at(name), rules_of(f))
        for name, f in known.items()
        if name in values and not (values[name] is None and rules_of(f).null)
    }


def check_fields(config: Any) -> None:
    """For `__post_init__` of a dataclass that is also made by hand: every field is read as a file's would be, and kept as read."""
    place, kinds = Place(field=type(config).__name__), get_type_hints(type(config))
    for f in fields(config):
        value = read(kinds[f.name], getattr(config, f.name), place.at(f.name), rules_of(f))
        object.__setattr__(config, f.name, value)


def check_keys(given: Sequence[str] | Mapping[str, Any], place: Place, known: Sequence[str], needed: Sequence[str] = ()) -> None:
    """Refuse names that are not known, or missing."""
    problems = {"missing": [n for n in needed if n not in given], "unknown": sorted(set(given) - set(known))}
    wrong = ", ".join(f"{problem} {names}" for problem, names in problems.items() if names)
    if wrong:
        raise place.error(f"{place} takes the fields {list(known)}; {wrong}")


def read(kind: Any, value: Any, place: Place, rules: Rules = NO_RULES) -> Any:
    """A value of a type: a dataclass, number, text, truth value, list (as tuple or array), mapping, or one of them or None.

    Raises:
        NeonControlError: that of `place`: it is something else, or against the rules.
    """
    container, parts = get_origin(kind) or kind, get_args(kind)
    if kind is Any or (value is None and type(None) in parts):
        return value
    if container in UNIONS:
        return read(_without_none(kind), value, place, rules)
    if is_dataclass(kind):
        return value if isinstance(value, kind) else load(kind, value, place)  # type: ignore[arg-type]
    if container in (dict, Mapping):
        return _read_mapping(parts[1] if parts else Any, value, place, rules)
    if container is np.ndarray:
        return _read_array(value, place, rules)
    if container is tuple:
        return _read_tuple(parts, value, place, rules)
    return _read_scalar(kind, value, place, rules)


def _without_none(kind: Any) -> Any:
    return next(part for part in get_args(kind) if part is not type(None)) if get_origin(kind) in UNIONS else kind


def _read_mapping(kind: Any, value: Any, place: Place, rules: Rules) -> dict[str, Any]:
    if not isinstance(value, Mapping) or (rules.filled and not value):
        raise place.wrong("a mapping" + " with at least one entry" * rules.filled, value)
    values = {str(key): entry for key, entry in value.items()}
    if rules.keys:
        check_keys(values, place, rules.keys)
    rules = replace(rules, keys=(), filled=False)  # those are not for the entries
    key = next((f.name for f in fields(kind) if rules_of(f).is_key), None) if is_dataclass(kind) else None
    if key is not None:
        return {name: load(kind, entry, place.at(name), **{key: name}) for name, entry in values.items()}
    return {name: read(kind, entry, place.at(name), rules) for name, entry in values.items()}


def _by_key(kind: Any, value: Any, place: Place, rules: Rules) -> list[Any]:
    """The entries of a mapping with exactly the keys of the rules, in their order; of those that are optional and left out, 0."""
    values = _read_mapping(kind, value, place, replace(rules, keys=()))
    check_keys(values, place, rules.keys, needed=[key for key in rules.keys if key not in rules.optional])
    return [values.get(key, 0.0) for key in rules.keys]


def _read_array(value: Any, place: Place, rules: Rules) -> np.ndarray:
    """(N,) finite numbers."""
    given = _by_key(float, value, place, rules) if rules.keys else value
    try:
        array = np.array(given, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise place.wrong("a list of numbers", value) from error
    if array.ndim != 1 or not np.isfinite(array).all():
        raise place.wrong("a list of finite numbers", value)
    return array


def _read_tuple(parts: tuple[Any, ...], value: Any, place: Place, rules: Rules) -> tuple[Any, ...]:
    if rules.keys:
        return tuple(_by_key(parts[0], value, place, rules))
    any_length = parts[-1] is Ellipsis
    value = [value] if rules.alone and isinstance(value, str) else value
    if not isinstance(value, list | tuple) or not (any_length or len(value) == len(parts)) or (rules.filled and not value):
        length = "with at least one entry" * rules.filled if any_length else f"with {len(parts)} entries"
        raise place.wrong(f"a list of {PLURALS.get(parts[0], 'lists')} {length}".rstrip(), value)
    kinds = parts[:1] * len(value) if any_length else parts
    rules = replace(rules, filled=False)  # not for the entries
    values = tuple(read(kind, entry, place.at(i), rules) for i, (kind, entry) in enumerate(zip(kinds, value, strict=True)))
    if rules.ascending and any(a > b for a, b in pairwise(values) if isinstance(a, float)):
        raise place.wrong("a list of numbers with lowest <= highest", value)
    return values


def _read_scalar(kind: type, value: Any, place: Place, rules: Rules) -> Any:
    if kind is str and rules.scalar and isinstance(value, bool | int | float):
        value = str(value)
    is_kind = isinstance(value, NUMBERS.get(kind, kind)) and isinstance(value, bool) == (kind is bool)
    if not is_kind or not _is_allowed(value, kind, rules):
        raise place.wrong(_needed(kind, rules), value)
    return kind(value)


def _is_allowed(value: Any, kind: type, rules: Rules) -> bool:
    if kind is str:
        return bool(value or not rules.filled) and (not rules.choices or value in rules.choices)
    if kind is float and not abs(value) <= sys.float_info.max:  # `not <=` also refuses NaN
        return False
    return all(compare(value, bound) for _, compare, bound in _bounds(rules))


def _bounds(rules: Rules) -> list[tuple[str, Callable[[Any, Any], bool], float]]:
    bounds = ((">=", ge, rules.minimum), (">", gt, rules.above), ("<=", le, rules.maximum), ("<", lt, rules.below))
    return [(sign, compare, bound) for sign, compare, bound in bounds if bound is not None]


def _needed(kind: type, rules: Rules) -> str:
    if rules.choices:
        return f"one of {list(rules.choices)}"
    if rules.minimum is not None and rules.maximum is not None:
        return f"{NOUNS[kind]} from {rules.minimum} to {rules.maximum}"
    bounds = " and ".join(f"{sign} {bound}" for sign, _, bound in _bounds(rules))
    return " ".join(part for part in (NOUNS[kind], bounds, "that is not empty" * rules.filled) if part)
