"""Any head from one configuration, and the registry that a user's own head joins.

    type: flow          # a name in the registry
    input_dim: 2048
    action_dim: 17
    num_steps: 16
    hidden_dim: 512     # everything else goes to the head's constructor

A head of one's own needs `input_dim, action_dim, num_steps` and whatever options it likes:

    @register_head("linear")
    class LinearHead(RegressionHead): ...

    head = build_head({"type": "linear", "input_dim": 2048, "action_dim": 17})
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.registry import Registry
from neon_control.core.common.yaml_file import read_mapping
from neon_control.model.action_heads.base import ActionHead
from neon_control.model.action_heads.chunking_head import ActionChunkingHead
from neon_control.model.action_heads.config import ActionHeadConfig
from neon_control.model.action_heads.dit_head import DiTActionHead
from neon_control.model.action_heads.ensemble_head import EnsembleHead
from neon_control.model.action_heads.flow_matching_head import FlowMatchingHead
from neon_control.model.action_heads.grouped_head import GroupedActionHead
from neon_control.model.action_heads.mlp_decoder import MLPDecoder
from neon_control.model.action_heads.state_relative_head import StateRelativeHead

_REGISTRY = Registry("head")
register_head = _REGISTRY.register  # decorator: of a class or function that takes (input_dim, action_dim, num_steps, ...)
DEFAULTS = {"type": "chunking", "input_dim": 2048, "action_dim": 17, "num_steps": 16}


def registered_heads() -> tuple[str, ...]:
    """The names that `build_head` knows."""
    return tuple(_REGISTRY)


def build_head(config: ActionHeadConfig | Mapping[str, Any] | str | Path) -> ActionHead:
    """Build a head.

    Args:
        config: a mapping or the path of a YAML file in the form above (left out: see `DEFAULTS`), or an `ActionHeadConfig` (a grouped
            head with all dimensions in one group).

    Raises:
        ConfigError: the type is unknown, or the head takes no such option.
    """
    if isinstance(config, ActionHeadConfig):
        return GroupedActionHead(config, {"all": config.action_dim})
    options = {**DEFAULTS, **(config if isinstance(config, Mapping) else read_mapping(Path(config)))}
    kind = options.pop("type")
    if kind not in _REGISTRY:
        raise ConfigError(f"unknown head type '{kind}'; registered are {list(_REGISTRY)}")
    result: ActionHead = _construct(kind, _REGISTRY[kind], **options)
    return result


def _construct(name: str, kind: Callable[..., Any], /, *given: Any, **named: Any) -> Any:
    """Call `kind`, or say which of the arguments it does not take."""
    try:
        inspect.signature(kind).bind(*given, **named)
    except TypeError as error:
        raise ConfigError(f"head '{name}': {error}; it takes {list(inspect.signature(kind).parameters)}") from error
    return kind(*given, **named)


def _mlp(input_dim: int, action_dim: int, num_steps: int = 1, **options: Any) -> ActionHead:
    head: MLPDecoder = _construct("mlp", MLPDecoder, input_dim, action_dim, **options)  # one step, whatever num_steps says
    return head


def _grouped(input_dim: int, action_dim: int, num_steps: int, groups: Mapping[str, int] | None = None, **options: Any) -> ActionHead:
    sizes = {"hidden_size": input_dim, "action_dim": action_dim, "num_action_steps": num_steps}
    config: ActionHeadConfig = _construct("grouped", ActionHeadConfig, **sizes, **options)
    return GroupedActionHead(config, groups or {"all": action_dim})


def _state_relative(
    input_dim: int, action_dim: int, num_steps: int, inner: Mapping[str, Any], relative: list[bool] | None = None, max_prefix: int = 0
) -> ActionHead:
    sizes = {"input_dim": input_dim, "action_dim": action_dim, "num_steps": num_steps}
    sizes |= {"max_prefix": max_prefix} if max_prefix else {}
    return StateRelativeHead(build_head({**sizes, **inner}), action_dim, num_steps, relative)


@dataclass(frozen=True)
class BuiltIn:
    """A head of this package, for whoever lists them."""

    kind: type  # whose constructor takes the head's options
    build: Callable[..., ActionHead]
    best_for: str
    needs: Mapping[str, Any] = field(default_factory=dict)  # an example of the options that it cannot do without


BUILT_IN = {  # in the order of the specification's table
    "mlp": BuiltIn(MLPDecoder, _mlp, "one joint group, small computers"),
    "chunking": BuiltIn(ActionChunkingHead, ActionChunkingHead, "the standard"),
    "flow": BuiltIn(FlowMatchingHead, FlowMatchingHead, "several right answers"),
    "dit": BuiltIn(DiTActionHead, DiTActionHead, "long, linked motions"),
    "state_relative": BuiltIn(StateRelativeHead, _state_relative, "closed loop (around a chunking head)", {"inner": {"type": "chunking"}}),
    "ensemble": BuiltIn(EnsembleHead, EnsembleHead, "accuracy before speed"),
    "grouped": BuiltIn(ActionHeadConfig, _grouped, "several joint groups"),
}
for _name, _head in BUILT_IN.items():
    register_head(_name)(_head.build)
