"""ROS parameters as one frozen dataclass: declared with descriptions and ranges, read once, validated once.

    @dataclass(frozen=True)
    class Parameters:
        rate_hz: float = setting(100.0, "control rate", unit="Hz", minimum=20.0, maximum=500.0)

    parameters = declare(node, Parameters)

A field whose default is itself a dataclass becomes a group: `arms: StreamParameters` gives `arms.method`, `arms.tau`.
A field is a bool, int, float, str, or a tuple of one of them; `core/common/fields.py` says what is checked.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, get_args, get_type_hints

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.fields import Place, Rules, default_of, read, rules_of
from neon_control.nodes.given_parameters import check_given

T = TypeVar("T")


def declare(node: Node, cls: type[T]) -> T:
    """Declare every field of `cls` on `node`; an instance with the values given at start.

    ConfigError where one is against the rules, or is given to a parameter that there is not.
    """
    parameters = _declare(node, cls)
    check_given(node)
    return parameters


def _declare(node: Node, cls: type[T], prefix: str = "") -> T:
    values: dict[str, Any] = {}
    for f in fields(cls):  # type: ignore[arg-type]
        kind = get_type_hints(cls)[f.name]
        if is_dataclass(kind):
            values[f.name] = _declare(node, kind, f"{prefix}{f.name}.")  # type: ignore[arg-type]
        else:
            values[f.name] = _declare_one(node, prefix + f.name, kind, default_of(f), rules_of(f))
    return cls(**values)


def _declare_one(node: Node, name: str, kind: Any, default: Any, rules: Rules) -> Any:
    is_array = isinstance(default, tuple)
    element = get_args(kind)[0] if is_array else kind
    wanted = Parameter.Type.from_parameter_value([element()] if is_array else element())
    where = node.get_fully_qualified_name()
    descriptor = _descriptor(element, is_array, rules)
    try:
        # An empty list carries no type in ROS, so such a parameter is declared by its type and may stay unset.
        parameter = node.declare_parameter(name, wanted if default == () else list(default) if is_array else default, descriptor)
    except InvalidParameterTypeException as error:
        hint = " (write 100.0, not 100)" if element is float else ""
        raise ConfigError(f"{where}: parameter {name} needs the type {wanted.name}{hint}: {error}") from error
    except InvalidParameterValueException as error:
        raise ConfigError(f"{where}: parameter {name}: {error}") from error
    value = default if parameter.type_ == Parameter.Type.NOT_SET else tuple(parameter.value) if is_array else parameter.value
    return read(kind, value, Place(where, f"parameter {name}"), rules)


def _descriptor(element: type, is_array: bool, rules: Rules) -> ParameterDescriptor:
    text = f"{rules.text} [{rules.unit}]" if rules.unit else rules.text
    descriptor = ParameterDescriptor(description=text, read_only=rules.read_only)
    low, high = rules.minimum, rules.maximum
    if rules.choices:
        descriptor.additional_constraints = f"one of {', '.join(rules.choices)}"
    if not is_array and (low is not None or high is not None):
        if element is int:
            bounds = IntegerRange(from_value=int(-(2**62) if low is None else low), to_value=int(2**62 if high is None else high))
            descriptor.integer_range = [bounds]
        else:
            bounds = FloatingPointRange(from_value=-1e300 if low is None else float(low), to_value=1e300 if high is None else float(high))
            descriptor.floating_point_range = [bounds]
    return descriptor
