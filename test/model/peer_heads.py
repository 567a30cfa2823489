"""The action heads of neon-vla 0.1.5, a published package with heads of the same names: to compare with, never to build on.

Only two files of its wheel are loaded; importing the package would pull in transformers and datasets. Install it without those:
`pip install --no-deps neon-vla==0.1.5`.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from pathlib import Path
from types import ModuleType
from unittest import mock

import pytest

DISTRIBUTION, VERSION = "neon-vla", "0.1.5"


def peer_heads() -> ModuleType:
    """The module `neon.model.action_heads`; skips the test where the wheel is not installed."""
    try:
        distribution = importlib.metadata.distribution(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"the peer is not installed: pip install --no-deps {DISTRIBUTION}=={VERSION}")
    if distribution.version != VERSION:
        pytest.skip(f"the peer is {DISTRIBUTION} {distribution.version}, the comparison is with {VERSION}")
    root = Path(str(distribution.locate_file("neon")))
    packages = {}
    for name in ("neon", "neon.data", "neon.model"):  # empty stand-ins, so that their __init__ files do not run
        packages[name] = ModuleType(name)
        packages[name].__path__ = [str(root.joinpath(*name.split(".")[1:]))]
    with mock.patch.dict(sys.modules, packages):
        return importlib.import_module("neon.model.action_heads")
