"""Python modules of the user, imported by name so that what they register (heads, backbones) is known.

Only the user can name one, by a parameter or an option; a policy folder cannot.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable

from neon_control.core.common.errors import ConfigError


def import_plugins(modules: Iterable[str]) -> None:
    """Import each module; empty names are left out.

    Raises:
        ConfigError: one cannot be imported.
    """
    for module in modules:
        try:
            if module:
                importlib.import_module(module)
        except Exception as error:
            raise ConfigError(f"plugin '{module}' cannot be imported: {type(error).__name__}: {error}") from error
