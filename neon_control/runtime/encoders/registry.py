"""Backbones by name.

@register_backbone("mine")
def load_mine(spec: BackboneSpec, folder: Path, options: BackboneOptions) -> Backbone: ...

backbone = load_backbone(spec, policy_folder, options)
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from neon_control.core.common.errors import PolicyError
from neon_control.core.common.registry import Registry
from neon_control.core.sensing.image_buffer import Clip
from neon_control.runtime.encoders.backbone import Backbone, BackboneOptions, BackboneSpec

Loader = Callable[[BackboneSpec, Path, BackboneOptions], Backbone]

_REGISTRY = Registry("backbone")


def register_backbone(name: str) -> Callable[[Loader], Loader]:
    """Decorator: make a function that loads a backbone known as `name`.

    Raises:
        ConfigError: the name is taken.
    """
    return _REGISTRY.register(name)


def load_backbone(spec: BackboneSpec, folder: Path, options: BackboneOptions | None = None) -> Backbone:
    """Load and verify a backbone.

    Args:
        spec: what the policy says.
        folder: the policy's, from which a relative path of a model counts.

    Raises:
        PolicyError: an unknown name, or the backbone is missing, corrupt, or not the one that the policy was trained with.
    """
    if spec.encoder not in _REGISTRY:
        raise PolicyError(f"the vision encoder '{spec.encoder}' is unknown; there are {list(_REGISTRY)}")
    cameras, spec = len(spec.cameras), spec.of_one_camera()
    backbone: Backbone = _REGISTRY[spec.encoder](spec, folder, options or BackboneOptions())
    if (backbone.revision, backbone.hidden_size) != (spec.revision, spec.features):
        each = f" of each of {cameras} cameras" if cameras else ""
        raise PolicyError(
            f"the policy was trained with the vision encoder {spec.encoder}, revision {spec.revision}, {spec.features} features{each}; "
            f"this installation has {backbone.name}, revision {backbone.revision}, {backbone.hidden_size} features"
        )
    if spec.tasks and not backbone.reads:
        raise PolicyError(f"{folder}: the vision encoder {spec.encoder} does not read, but the policy tells it tasks")
    return backbone


@register_backbone("efficientnet_lite0")
def _load_efficientnet_lite0(spec: BackboneSpec, folder: Path, options: BackboneOptions) -> Backbone:
    from neon_control.runtime.encoders.vision import EfficientNetLite0

    if spec.clip != Clip() or spec.instruction or spec.audio or spec.model:
        raise PolicyError(f"{folder}: {spec.encoder} takes one image and nothing else, no model, clip, instruction or audio")
    return EfficientNetLite0(options.threads, spec.fit, options.provider)


@register_backbone("huggingface")
def _load_huggingface(spec: BackboneSpec, folder: Path, options: BackboneOptions) -> Backbone:
    try:
        from neon_control.runtime.encoders.huggingface import load_huggingface
    except ImportError as error:
        raise PolicyError(
            f"{folder}: this policy's vision encoder needs torch and transformers, which the extra `huggingface` brings: {error}"
        ) from error
    return load_huggingface(spec, folder, options)
