"""Policies, backbones, datasets from the Hugging Face hub: `owner/name` or `owner/name@revision`, downloaded once into the user's cache."""

from __future__ import annotations

import re
from pathlib import Path

from neon_control.core.common.errors import PolicyError

REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(@[\w./-]+)?")
# Nothing else is fetched: no code, no pickle.
FILES = {
    "policy": ("policy.yaml", "action_layer.onnx", "action_layer.safetensors"),
    "dataset": ("meta/**", "data/**", "videos/**", "images/**"),
    "model": ("*.json", "*.jinja", "*.txt", "*.safetensors"),
}


def is_repository(name: str) -> bool:
    """Whether `name` has the form of a repository id. Ask whether it is a folder first: `policies/mine` has that form too."""
    return REPOSITORY.fullmatch(name) is not None


def download(kind: str, name: str, code: bool = False) -> Path:
    """The folder of what is on the hub (`kind` is a key of FILES), from the cache where it has been fetched before.

    A robot without a network runs on what it has; pin a revision (`@<commit>`) to get the same everywhere. Python files come along only
    when `code` says so.

    Raises:
        PolicyError: there is no such repository or revision, or it cannot be reached and is not in the cache.
    """
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise PolicyError(f"{name} looks like a Hugging Face repository, but huggingface-hub is not installed") from error
    repository, _, revision = name.partition("@")
    where = "dataset" if kind == "dataset" else None  # None: among the models
    patterns = [*FILES[kind], *["*.py"] * code]
    try:
        return Path(snapshot_download(repository, revision=revision or None, allow_patterns=patterns, repo_type=where))
    except Exception as error:  # the hub raises its own, the HTTP library's and the operating system's errors
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise PolicyError(f"cannot get the {kind} {name} from the Hugging Face hub: {reason}") from error
