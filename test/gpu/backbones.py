"""Stage: one backbone of published size with random weights, from images to features.

    encode     all of it: pixels on the CPU, copy, network, mean
    network    the network alone, on inputs that are on the device already

Weights are drawn on the device in bfloat16, since 15 GB from a disk would take longer than all the rest. The tokenizer knows bytes, so an
instruction is some tokens longer than the published one makes it; the row says how many tokens there are.

    eager      as it is
    compiled   torch.compile of each layer, which is compiled once for all of them, where a whole network would take minutes
    graph      a captured graph of each layer: what is between the layers depends on values, which a graph cannot
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import tiny_backbones
import torch
import transformers
from stage import Stage
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from neon_control.bench.floors import Floors
from neon_control.core.sensing.image_buffer import Clip
from neon_control.runtime.encoders.backbone import BackboneOptions
from neon_control.runtime.encoders.huggingface import HuggingFaceBackbone, load_huggingface
from neon_control.runtime.encoders.model_folder import describe_model

INSTRUCTION = "reach for the red cube"
QWEN2_5_VISION = {"depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16, "window_size": 112}
QWEN2_5_VISION |= {"fullatt_block_indexes": [7, 15, 23, 31]}
# The published config.json files' sizes. Frames of 480 x 640; `area`: an image is resized to at most so many pixels.
MODELS: dict[str, dict[str, Any]] = {
    "vjepa2_vitl": {
        "family": "vjepa2",
        "frames": 16,
        "config": {"crop_size": 256, "hidden_size": 1024, "num_attention_heads": 16, "num_hidden_layers": 24, "mlp_ratio": 4.0},
    },
    "qwen2_5_vl_3b": {
        "family": "qwen2_5_vl",
        "frames": 1,
        "area": 224 * 308,
        "text": {"hidden_size": 2048, "intermediate_size": 11008, "layers": 36, "heads": 16, "key_values": 2, "vocab_size": 151936},
        "sections": [16, 24, 24],
        "vision": {**QWEN2_5_VISION, "out_hidden_size": 2048},
    },
    "qwen2_5_vl_7b": {
        "family": "qwen2_5_vl",
        "frames": 1,
        "area": 224 * 308,
        "text": {"hidden_size": 3584, "intermediate_size": 18944, "layers": 28, "heads": 28, "key_values": 4, "vocab_size": 152064},
        "sections": [16, 24, 24],
        "vision": {**QWEN2_5_VISION, "out_hidden_size": 3584},
    },
    "qwen3_vl_4b": {
        "family": "qwen3_vl",
        "frames": 1,
        "area": 256 * 320,
        "text": {"hidden_size": 2560, "intermediate_size": 9728, "layers": 36, "heads": 32, "key_values": 8, "vocab_size": 151936},
        "head_dim": 128,
        "sections": [24, 20, 20],
        "vision": {"depth": 24, "hidden_size": 1024, "intermediate_size": 4096, "num_heads": 16, "out_hidden_size": 2560}
        | {"num_position_embeddings": 2304, "deepstack_visual_indexes": [5, 11, 17]},
    },
}


def full_size(config: Any, model: dict[str, Any]) -> Any:
    """The configuration of a tiny model with the published sizes; its token ids stay those of the tiny tokenizer."""
    if "config" in model:
        for name, value in model["config"].items():
            setattr(config, name, value)
        return config
    text, vision = config.text_config, config.vision_config
    names = {"layers": "num_hidden_layers", "heads": "num_attention_heads", "key_values": "num_key_value_heads"}
    for name, value in model["text"].items():
        setattr(text, names.get(name, name), value)
    text.head_dim = model.get("head_dim", text.hidden_size // text.num_attention_heads)
    text.layer_types = ["full_attention"] * text.num_hidden_layers
    text.rope_parameters = {**text.rope_parameters, "mrope_section": model["sections"]}
    for name, value in model["vision"].items():
        setattr(vision, name, value)
    return config


def load(stage: Stage, model: dict[str, Any], scratch: Path) -> HuggingFaceBackbone:
    """The backbone as a policy has it, but for where its weights come from."""
    folder = tiny_backbones.TINY[model["family"]](scratch / "model")
    text = {} if model["family"] == "vjepa2" else {"instruction": INSTRUCTION, "max_pixels": model["area"]}
    spec = describe_model(str(folder), scratch, pin=False, clip=Clip(model["frames"], 8.0), **text)
    if stage.dry:
        return load_huggingface(spec, scratch, BackboneOptions(device="cpu"))
    config = full_size(transformers.AutoConfig.from_pretrained(folder, local_files_only=True), model)
    config.save_pretrained(folder)
    if model["family"] == "vjepa2":  # its pixels are cut to what this file says
        path = folder / "video_preprocessor_config.json"
        path.write_text(path.read_text().replace('"height": 32', '"height": 256').replace('"width": 32', '"width": 256'))
    else:
        for path in folder.glob("*preprocessor_config.json"):
            text = path.read_text()
            path.write_text(text.replace("12544", "12845056").replace("16384", "16777216").replace("65536", "25165824"))

    def random_weights(self: HuggingFaceBackbone, kind: Any) -> nn.Module:
        before = torch.get_default_dtype()
        torch.set_default_dtype(torch.bfloat16)
        try:
            with torch.device(self._device):
                return kind(config).requires_grad_(False).eval()
        finally:
            torch.set_default_dtype(before)

    hidden = getattr(config, "text_config", config).hidden_size
    with mock.patch.object(HuggingFaceBackbone, "_load", random_weights):
        return load_huggingface(replace(spec, features=hidden), scratch, BackboneOptions(device="cuda"))


def layers(net: nn.Module) -> list[nn.Module]:
    """The layers of all its stacks: those lists of modules that are alike and not inside another such list."""
    stacks = [m for m in net.modules() if isinstance(m, nn.ModuleList) and len(m) > 1 and len({type(part) for part in m}) == 1]
    inner = {id(m) for stack in stacks for part in stack for m in part.modules()}
    return [part for stack in stacks if id(stack) not in inner for part in stack]


class Captured:
    """A layer's forward pass as one CUDA graph for each set of shapes; tensors are copied in, everything else has to stay as it was."""

    def __init__(self, forward: Callable[..., Any]) -> None:
        self._forward = forward
        self._passes: dict[Any, tuple[torch.cuda.CUDAGraph, list[Any], Any]] = {}

    def __call__(self, *args: Any, **options: Any) -> Any:
        given, spec = pytree.tree_flatten((args, options))
        key = (spec, tuple((v.shape, v.dtype) if isinstance(v, Tensor) else repr(v) for v in given))
        if key not in self._passes:
            kept = [v.clone() if isinstance(v, Tensor) else v for v in given]
            args, options = pytree.tree_unflatten(kept, spec)
            for _ in range(3):
                self._forward(*args, **options)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, stream=torch.cuda.current_stream(), capture_error_mode="thread_local"):
                output = self._forward(*args, **options)
            self._passes[key] = graph, kept, output
        graph, kept, output = self._passes[key]
        for mine, new in zip(kept, given, strict=True):
            if isinstance(mine, Tensor):
                mine.copy_(new)
        graph.replay()
        return output


def measure(stage: Stage, backbone: HuggingFaceBackbone, clip: list[np.ndarray]) -> dict[str, Any]:
    """Both durations of one way, and how many tokens there are."""
    caught: dict[str, Any] = {}

    def catch(module: nn.Module, args: Any, options: dict[str, Any]) -> None:
        caught.update(options)

    instruction = backbone._spec.instruction
    hook = backbone._net.register_forward_pre_hook(catch, with_kwargs=True)
    backbone.encode([clip], instruction)
    hook.remove()
    with torch.inference_mode():
        tokens = backbone._net(**caught).last_hidden_state.shape[1]
        network = stage.latency(lambda: backbone._net(**caught), rounds=20)
        facts = {
            "tokens": tokens,
            "network_ms": network,
            **Floors.measured(stage.device).of(backbone._net, lambda: backbone._net(**caught)),
        }
    return {**facts, "encode_ms": stage.latency(lambda: backbone.encode([clip], instruction), rounds=20)}


def main() -> None:
    stage = Stage("backbones", what=True)
    model = MODELS[stage.what]
    facts = {"model": stage.what, "frames": model["frames"], "image": "480 x 640", "dtype": "float32" if stage.dry else "bfloat16"}
    clip = list(np.random.default_rng(0).integers(0, 256, (model["frames"], 480, 640, 3), dtype=np.uint8))
    with tempfile.TemporaryDirectory() as scratch:
        try:
            backbone = load(stage, model, Path(scratch))
        except Exception as error:
            stage.attempt(facts, lambda error=error: (_ for _ in ()).throw(error))
            return
        facts["parameters"] = sum(p.numel() for p in backbone._net.parameters())
        stage.attempt({**facts, "way": "eager"}, lambda: measure(stage, backbone, clip))
        if stage.dry:
            return
        parts = layers(backbone._net)
        before = [part.forward for part in parts]

        def with_graphs() -> dict[str, Any]:
            for part in parts:
                part.forward = Captured(part.forward)
            stream = torch.cuda.Stream()
            with torch.cuda.stream(stream):
                return measure(stage, backbone, clip)

        def compiled() -> dict[str, Any]:
            for part in parts:
                part.compile()
            return measure(stage, backbone, clip)

        stage.attempt({**facts, "way": "graph"}, with_graphs)
        for part, forward in zip(parts, before, strict=True):
            part.forward = forward
        stage.attempt({**facts, "way": "compiled"}, compiled)  # last: it takes longest, and a cut then loses nothing else


if __name__ == "__main__":
    main()
