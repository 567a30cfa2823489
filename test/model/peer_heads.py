"""The action heads of neon-vla 0.1.5, a published package with heads of the same names: to compare with, never to build on.

Only two files of its wheel are loaded; importing the package would pull in transformers and datasets. Install it without those:
`pip install --no-deps neon-vla==0.1.5`.
"""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from types import ModuleType

import pytest

from neon_control.bench.heads import load_peer

DISTRIBUTION, VERSION = "neon-vla", "0.1.5"


def peer_heads() -> ModuleType:
    """The module `neon.model.action_heads`; skips the test where the wheel is not installed."""
    try:
        distribution = importlib.metadata.distribution(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"the peer is not installed: pip install --no-deps {DISTRIBUTION}=={VERSION}")
    if distribution.version != VERSION:
        pytest.skip(f"the peer is {DISTRIBUTION} {distribution.version}, the comparison is with {VERSION}")
    return load_peer(Path(str(distribution.locate_file("neon/model/action_heads.py"))))
