"""Torch modules to ONNX files.

A policy's weights are stored once: the ONNX graph reads them from the safetensors file beside it (see `graph_weights.py`). Where
they are float16, they are rounded before the export, so that torch and ONNX Runtime still compute with equal numbers.
"""

from __future__ import annotations

import copy
import json
import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import safetensors.torch
import torch
import yaml
from torch import Tensor, nn

from neon_control.core.common.errors import PolicyError
from neon_control.core.common.files import create_folder_atomically, sha256
from neon_control.core.robot.action_space import ActionSpace
from neon_control.model.action_heads.primitives import constants_folded
from neon_control.runtime.encoders.backbone import BackboneSpec
from neon_control.runtime.encoders.hearing import AUDIO_FEATURES, audio_revision
from neon_control.runtime.encoders.vision import VISION_FEATURES, vision_revision
from neon_control.runtime.export.graph_weights import WEIGHT_TYPES, graph_tensors, quantised, read_weights_from
from neon_control.runtime.policy.action_layer import BACKENDS
from neon_control.runtime.policy.likeness import TrainedKind
from neon_control.runtime.policy.policy import AUDIO_ENCODER, VISION_ENCODER
from neon_control.runtime.policy.policy_file import (
    DESCRIPTION_FILE,
    FORMAT_VERSION,
    ONNX_FILE,
    WEIGHTS_FILE,
    PolicyFile,
    graph_inputs,
    graph_metadata,
    input_type,
)
from neon_control.runtime.policy.torch_action_layer import rebuild_policy

OPSET = 20
# Of an action layer, in order.
INPUTS = ("vision", "audio", "proprioception", "noise", "tokens", "token_mask", "prefix", "prefix_length", "known_length")


def example_input(name: str, shape: tuple[int, ...]) -> Tensor:
    """Ones of an input's shape and type, with a batch of 2."""
    return torch.from_numpy(np.ones((2, *shape), input_type(name)))


def to_onnx(
    module: nn.Module, inputs: tuple[Tensor | None, ...], names: tuple[str, ...], output: str, metadata: Mapping[str, object]
) -> onnx.ModelProto:
    """Export a module, which is put into evaluation mode, with a dynamic first axis on every input.

    What depends on parameters only (embeddings of steps and of denoising times) is computed here and stored as a constant.

    Args:
        inputs: example inputs with a batch of 2 (a batch of 1 would be taken for a constant), None for those that are left out.
        names: of the others in the graph.
        metadata: stored in the model, each value as JSON.

    Raises:
        PolicyError: torch cannot export the module.
    """
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it warns that torchvision, which nothing here uses, is not installed
    batch = torch.export.Dim("batch")
    program, reason = None, "no reason given"
    with warnings.catch_warnings(), torch.no_grad(), constants_folded(module.eval(), inputs):
        warnings.simplefilter("ignore")
        try:
            program = torch.onnx.export(
                module,
                inputs,
                input_names=list(names),
                output_names=[output],
                dynamic_shapes=tuple(None if values is None else {0: batch} for values in inputs),
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
        except Exception as error:  # of many kinds, each with pages of advice for authors of exporters
            reason = str(error).strip().splitlines()[0]
    if program is None:
        raise PolicyError(f"torch cannot export {type(module).__name__}: {reason}; exported with `backend: torch`, it runs without a graph")
    model = program.model_proto
    # The exporter notes source lines of the exporting machine at every node: they leak paths and change the file's hash.
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        part.ClearField("metadata_props")
    for node in graph.node:
        node.ClearField("doc_string")
    onnx.helper.set_model_props(model, {key: json.dumps(value) for key, value in metadata.items()})
    onnx.checker.check_model(model)
    return model


def export_policy(
    module: nn.Module,
    folder: Path,
    space: ActionSpace,
    *,
    robot: str,
    action_layer: Mapping[str, Any],
    training: Mapping[str, Any],
    dt: float = 0.02,
    num_steps: int = 16,
    use_audio: bool = True,
    vision: BackboneSpec | None = None,
    weights: str = "float16",
    backend: str = "onnx",
    images: Mapping[str, Sequence[TrainedKind]] | None = None,
) -> None:
    """Write a policy folder, in the place of what was there; its name is the policy's name.

    Args:
        module: forward(vision (B, F), audio (B, 384), proprioception (B, J)) -> (B, H, N), all normalised. If it has an attribute
            `draws` that is true, forward also takes noise (B, H, N); if it has one `num_tokens` above 0, then also tokens (B, T, D) and
            their mask (B, T), and `vision.tokens` must be the same number; if it has one `max_prefix` above 0, then also the committed
            steps, prefix (B, H, N) and prefix_length (B,), and if it has one `forward_only` that is true, known_length (B,) with them. It
            takes them in this order, and None for those between that it does not need.
        space, robot: joints, their order and normalisation; the name of the robot that it was trained for.
        action_layer, training: the configuration from which the module can be built again; data, steps, losses, seed, for people.
        dt, num_steps: [s] time between steps, and H.
        use_audio: whether the policy listens; if not, the audio encoder is never loaded.
        vision: the backbone that made the F features, by default EfficientNet-Lite0.
        images: camera -> the kinds of its images in training, where they are known.
        weights, backend: one of `graph_weights.WEIGHT_TYPES`; one of `action_layer.BACKENDS` ("torch": there is no graph).

    Raises:
        PolicyError: the module cannot be exported, or gives another shape.
    """
    vision = vision or BackboneSpec(VISION_ENCODER, vision_revision(), VISION_FEATURES)
    _check_tokens(getattr(module, "num_tokens", 0), vision.tokens)
    description = {
        "format_version": FORMAT_VERSION,
        "name": folder.name,
        "robot": robot,
        "dt": dt,
        "num_steps": num_steps,
        "mode": space.mode,
        "joint_names": list(space.joint_names),
        "normalisation": {"lower": space.lower.tolist(), "upper": space.upper.tolist()},
        "vision": vision.to_dict(),
        "audio": {"encoder": AUDIO_ENCODER, "revision": audio_revision(), "features": AUDIO_FEATURES} if use_audio else None,
        "noise": bool(getattr(module, "draws", False)),
        **({"max_prefix": module.max_prefix} if getattr(module, "max_prefix", 0) else {}),
        **({"forward_only": True} if getattr(module, "forward_only", False) else {}),
        "weights": weights,
        **({} if backend == BACKENDS[0] else {"backend": backend}),
        **({"images": {camera: [kind.to_dict() for kind in kinds] for camera, kinds in images.items()}} if images else {}),
        **json.loads(json.dumps({"action_layer": action_layer, "training": training})),  # plain lists and mappings, for safe YAML
    }
    _write_folder(module, folder, space, vision, description)


def _check_tokens(read: int, said: int) -> None:
    if read != said:
        raise PolicyError(f"the module reads {read} tokens, but `vision` says {said}")


def export_again(file: PolicyFile, folder: Path, weights: str, forward_only: bool = False) -> None:
    """Write a policy once more, with its weights stored in another type; everything else stays as it is.

    Args:
        forward_only: let its draws start from what is under way from now on, see `forward_only.py`.

    Raises:
        PolicyError: as of `rebuild_policy` and `export_policy`.
    """
    description = yaml.safe_load((file.folder / DESCRIPTION_FILE).read_text())
    description |= {"name": folder.name, "weights": weights}
    if forward_only and file.max_prefix:
        raise PolicyError(f"policy {file.name} was trained to take a prefix of {file.max_prefix} steps, and needs no forward_only")
    if forward_only and not file.forward_only:
        description |= {"forward_only": True, "action_layer": {**description["action_layer"], "forward_only": True}}
        file = replace(file, action_layer=description["action_layer"])
    _write_folder(rebuild_policy(file), folder, file.space, file.vision, description)


def _write_folder(module: nn.Module, folder: Path, space: ActionSpace, vision: BackboneSpec, description: dict[str, Any]) -> None:
    """Write the graph, its weights and `policy.yaml`, which is `description` with the files' hashes."""
    weights, num_steps, backend = description["weights"], description["num_steps"], description.get("backend", BACKENDS[0])
    if weights not in WEIGHT_TYPES or backend not in BACKENDS:
        raise PolicyError(f"weights '{weights}', backend '{backend}': must be one of {list(WEIGHT_TYPES)}, and one of {list(BACKENDS)}")
    if backend == "torch" and weights == "int8":
        raise PolicyError("int8 weights need a graph: export with the backend 'onnx', or with float16 weights")
    module = copy.deepcopy(module).cpu().float().eval()
    stored = _stored_weights(module, weights)
    module.load_state_dict(stored)  # the rounded values, as float32
    audio = description["audio"]["features"] if description["audio"] else AUDIO_FEATURES
    prefixes = description.get("max_prefix", 0), description.get("forward_only", False)
    inputs = graph_inputs(space, num_steps, vision, audio, bool(description.get("noise")), *prefixes)
    last = max(INPUTS.index(name) for name in inputs)
    example = tuple(example_input(name, inputs[name]) if name in inputs else None for name in INPUTS[: last + 1])
    with torch.no_grad():
        shape = tuple(module(*example).shape)
    if shape != (2, num_steps, space.dim):
        raise PolicyError(f"the module gives actions of shape {shape[1:]}, needs ({num_steps}, {space.dim}) for mode {space.mode}")
    model = None
    if backend == "onnx":
        model = to_onnx(module, example, tuple(inputs), "actions", graph_metadata(space, description["dt"], num_steps))
    if model is not None and weights == "int8":
        model = quantised(model)
        stored = {name: torch.from_numpy(values.copy()) for name, values in graph_tensors(model).items()}

    def fill(scratch: Path) -> None:
        action_layer = json.dumps(description["action_layer"])
        safetensors.torch.save_file(stored, scratch / WEIGHTS_FILE, metadata={"action_layer": action_layer})
        if model is not None:
            read_weights_from(model, scratch / WEIGHTS_FILE)
            (scratch / ONNX_FILE).write_bytes(model.SerializeToString())
            onnx.checker.check_model(str(scratch / ONNX_FILE))
        files = {file.name: sha256(file) for file in sorted(scratch.iterdir())}
        (scratch / DESCRIPTION_FILE).write_text(yaml.safe_dump({**description, "files": files}, sort_keys=False, width=140))

    create_folder_atomically(folder, fill, replace=True)


def _stored_weights(module: nn.Module, weights: str) -> dict[str, Tensor]:
    """The state of a module as it goes to disk; vectors stay float32, they are small and hold statistics of any scale."""
    kind = torch.float16 if weights == "float16" else torch.float32
    stored = {k: v.to(kind if v.dim() >= 2 and v.is_floating_point() else v.dtype).contiguous() for k, v in module.state_dict().items()}
    overflown = [k for k, v in stored.items() if v.is_floating_point() and not torch.isfinite(v).all()]
    if overflown:
        raise PolicyError(f"weights {overflown} are not finite" + (" in float16; store them as float32" if weights == "float16" else ""))
    return stored
