"""Things that are known by name, and that a user's own code may add to."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from neon_control.core.common.errors import ConfigError

T = TypeVar("T", bound=Callable[..., Any])


class Registry(dict[str, Callable[..., Any]]):
    """Name -> what builds a thing of some `kind`, as errors call it."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._kind = kind

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator: make a class or function known as `name`; a ConfigError where that is taken."""

        def add(builder: T) -> T:
            if name in self:
                raise ConfigError(f"a {self._kind} named '{name}' is registered already ({self[name].__qualname__})")
            self[name] = builder
            return builder

        return add


def import_plugins(modules: Iterable[str]) -> None:
    """Import modules, so that what they register is known; empty names are left out. Only the user can name one, by a parameter or an
    option; a policy folder cannot. A ConfigError where one cannot be imported.
    """
    for module in modules:
        try:
            if module:
                importlib.import_module(module)
        except Exception as error:
            raise ConfigError(f"plugin '{module}' cannot be imported: {type(error).__name__}: {error}") from error
