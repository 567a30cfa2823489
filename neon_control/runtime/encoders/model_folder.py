"""A Hugging Face model on disk: where it is, what identifies it, and that its weights are the recorded ones. No torch here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neon_control.core.common.errors import PolicyError
from neon_control.core.common.files import read_whole, sha256
from neon_control.runtime.encoders.backbone import BackboneSpec
from neon_control.runtime.encoders.hub import download, is_repository

# All small files that decide what a model computes: architecture, pixels, text. The weights are beside them as *.safetensors.
SMALL_FILES = (
    "config.json",
    "processor_config.json",
    "preprocessor_config.json",
    "video_preprocessor_config.json",
    "chat_template.jinja",
    "chat_template.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
)

MAX_JSON = 64 << 20  # [bytes] tokenizers of large vocabularies have some 20 MB


def find_model(model: str, policy_folder: Path, code: bool = False) -> Path:
    """The folder of a model: below the policy's folder, an absolute path, or a repository on the hub.

    Args:
        policy_folder: from which a relative path counts.
        code: fetch Python files too, where it is fetched at all.

    Raises:
        PolicyError: there is no such folder or repository, or it has no safetensors weights.
    """
    if not model:
        raise PolicyError(f"{policy_folder}: field 'vision.model' must name a folder or a repository of the Hugging Face hub")
    folder = policy_folder / Path(model).expanduser()
    if not folder.is_dir():
        if not is_repository(model):
            raise PolicyError(f"field 'vision.model': there is no folder {folder}, and '{model}' is no repository (owner/name@revision)")
        folder = download("model", model, code)
    if not (folder / "config.json").is_file():
        raise PolicyError(f"{folder} is not a Hugging Face model: it has no config.json")
    if not list(folder.glob("*.safetensors")):
        raise PolicyError(f"{folder} has no *.safetensors; weights of another kind are not loaded, they may run code")
    return folder


def model_revision(folder: Path) -> str:
    """Short hash of everything but the weights' bytes: the small files, and the weight files' names and sizes."""
    parts = [(name, sha256(folder / name)) for name in SMALL_FILES if (folder / name).is_file()]
    weights = [(f.name, f.stat().st_size) for f in sorted(folder.glob("*.safetensors"))]
    return hashlib.sha256(json.dumps([parts, weights]).encode()).hexdigest()[:16]


def describe_model(model: str, policy_folder: Path, pin: bool = True, **how: Any) -> BackboneSpec:
    """The block `vision` of a policy that is to use a model.

    Args:
        model, policy_folder: as of `find_model`.
        pin: record the weights' hashes; a load then reads every byte of them first.
        how: other fields of `BackboneSpec`: clip, instruction, audio, max_pixels.

    Raises:
        PolicyError: there is no such model, or its config.json does not say how wide it is.
    """
    folder = find_model(model, policy_folder)
    config = read_json(folder / "config.json")
    inner = config.get("thinker_config", config)
    hidden = inner.get("text_config", inner).get("hidden_size")
    if not isinstance(hidden, int):
        raise PolicyError(f"{folder / 'config.json'} has no hidden_size")
    files = {f.name: sha256(f) for f in sorted(folder.glob("*.safetensors"))} if pin else {}
    return BackboneSpec("huggingface", model_revision(folder), hidden, model=model, files=files, **how)


def read_settings(folder: Path, kind: str) -> tuple[Path, Mapping[str, Any]]:
    """The settings of a model's preprocessing, and the file they come from.

    Newer models keep all in one file, older ones one file for each `kind` ("image" or "video"), the oldest one file for both.

    Raises:
        PolicyError: there is no such file, or it is not JSON.
    """
    own = {"image": "preprocessor_config.json", "video": "video_preprocessor_config.json"}[kind]
    for name, key in (("processor_config.json", f"{kind}_processor"), (own, ""), ("preprocessor_config.json", "")):
        path = folder / name
        if not path.is_file():
            continue
        data = read_json(path).get(key) if key else read_json(path)
        if isinstance(data, dict):
            return path, data
    raise PolicyError(f"{folder} says nothing about its {kind} preprocessing: it has neither processor_config.json nor {own}")


def read_json(path: Path) -> Any:
    """The content of a JSON file; a PolicyError where it cannot be read or is none."""
    try:
        return json.loads(read_whole(path, MAX_JSON))
    except (OSError, ValueError, RecursionError) as error:
        raise PolicyError(f"{path}: cannot be read as JSON: {error}") from error
