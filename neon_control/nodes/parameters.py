"""ROS parameters as one frozen dataclass: declared with descriptions and ranges, read once, validated once.

    @dataclass(frozen=True)
    class Parameters:
        rate_hz: float = field(default=100.0, metadata=describe("control rate", unit="Hz", minimum=20.0, maximum=500.0))

    parameters = declare(node, Parameters)

A field whose default is itself a dataclass becomes a group: `arms: StreamParameters` gives `arms.method`, `arms.tau`.
Types follow the defaults: bool, int, float, str, and tuples of them (give an empty tuple's element type as `element=`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.settings import describe

__all__ = ["declare", "describe"]

T = TypeVar("T")

_TYPES = {
    bool: Parameter.Type.BOOL,
    int: Parameter.Type.INTEGER,
    float: Parameter.Type.DOUBLE,
    str: Parameter.Type.STRING,
}
_ARRAY_TYPES = {
    bool: Parameter.Type.BOOL_ARRAY,
    int: Parameter.Type.INTEGER_ARRAY,
    float: Parameter.Type.DOUBLE_ARRAY,
    str: Parameter.Type.STRING_ARRAY,
}


def declare(node: Node, cls: type[T], prefix: str = "") -> T:
    """Declare every field of `cls` on `node` and return an instance that holds the values given at start.

    Raises:
        ConfigError: a value has the wrong type, lies outside its range, or is none of the choices.
    """
    values: dict[str, Any] = {}
    for f in fields(cls):  # type: ignore[arg-type]
        default = f.default_factory() if callable(f.default_factory) else f.default
        if is_dataclass(default):
            values[f.name] = declare(node, type(default), f"{prefix}{f.name}.")
        else:
            values[f.name] = _declare_one(node, prefix + f.name, default, f.metadata)
    return cls(**values)


def _declare_one(node: Node, name: str, default: Any, metadata: Any) -> Any:
    is_array = isinstance(default, tuple)
    element = type(default[0]) if is_array and default else metadata["element"] if is_array else type(default)
    wanted = (_ARRAY_TYPES if is_array else _TYPES)[element]
    descriptor = _descriptor(element, is_array, metadata)
    try:
        # An empty list carries no type in ROS, so such a parameter is declared by its type and may stay unset.
        parameter = node.declare_parameter(name, wanted if default == () else list(default) if is_array else default, descriptor)
    except InvalidParameterTypeException as error:
        hint = " (write 100.0, not 100)" if element is float else ""
        raise ConfigError(f"{_where(node)}: parameter {name} needs the type {wanted.name}{hint}: {error}") from error
    except InvalidParameterValueException as error:
        raise ConfigError(f"{_where(node)}: parameter {name}: {error}") from error
    value = default if parameter.type_ == Parameter.Type.NOT_SET else tuple(parameter.value) if is_array else parameter.value
    _check(node, name, value if is_array else (value,), metadata)
    return value


def _descriptor(element: type, is_array: bool, metadata: Any) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(description=metadata["text"], read_only=metadata["read_only"])
    low, high = metadata["minimum"], metadata["maximum"]
    if metadata["choices"]:
        descriptor.additional_constraints = f"one of {', '.join(metadata['choices'])}"
    if not is_array and (low is not None or high is not None):
        if element is int:
            bounds = IntegerRange(from_value=int(-(2**62) if low is None else low), to_value=int(2**62 if high is None else high))
            descriptor.integer_range = [bounds]
        else:
            bounds = FloatingPointRange(from_value=-1e300 if low is None else float(low), to_value=1e300 if high is None else float(high))
            descriptor.floating_point_range = [bounds]
    return descriptor


def _check(node: Node, name: str, values: Sequence[Any], metadata: Any) -> None:
    low, high, choices = metadata["minimum"], metadata["maximum"], metadata["choices"]
    for value in values:
        if choices and value not in choices:
            raise ConfigError(f"{_where(node)}: parameter {name} is '{value}', but must be one of {list(choices)}")
        if (low is not None and not value >= low) or (high is not None and not value <= high):  # `not >=` also refuses NaN
            raise ConfigError(f"{_where(node)}: parameter {name} is {value}, but must lie in [{low}, {high}]")


def _where(node: Node) -> str:
    return node.get_fully_qualified_name()
