"""Sphinx builds the pages of this folder, and one of the docstrings: `make html`, or rosdoc2 on docs.ros.org."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.ext.autodoc.mock import mock

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import neon_control  # noqa: E402

project = "neon_control"
author = copyright = "neon_control maintainers"
version = release = neon_control.__version__
language = "en-GB"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinxcontrib.mermaid"]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
myst_fence_as_directive = ["mermaid"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "furo"

# Read for their docstrings only: what the package needs beside numpy and yaml need not be installed to build these pages.
autodoc_mock_imports = [
    "ament_index_python", "av", "builtin_interfaces", "ctranslate2", "faster_whisper", "geometry_msgs", "huggingface_hub", "lifecycle_msgs",
    "mcap", "onnxruntime", "PIL", "platformdirs", "pyarrow", "rcl_interfaces", "rclpy", "rosbags", "sensor_msgs", "soxr", "std_msgs",
    "tokenizers", "torch", "tqdm", "trajectory_msgs", "transformers", "zstandard",
]  # fmt: skip
with mock(autodoc_mock_imports):  # autodoc asks for lazy names later, when nothing stands in any more
    for name in neon_control.__all__:
        getattr(neon_control, name)
napoleon_use_ivar = True  # attributes as a list, not once more beside properties
autodoc_typehints = "signature"
autodoc_member_order = "bysource"

URL = re.search(r'^URL = "([^"]+)"', (ROOT / "setup.py").read_text(), re.MULTILINE)
SOURCES = f"{URL[1] if URL else ''}/blob/main"


def link_to_sources(app: Sphinx, page: str, text: list[str]) -> None:
    """Links that leave docs/ lead to the repository; in a checkout they lead to the file."""
    text[0] = re.sub(r"\]\(\.\./([^)]*)\)", rf"]({SOURCES}/\1)", text[0])


def setup(app: Sphinx) -> None:
    """What Sphinx calls."""
    app.connect("source-read", link_to_sources)
