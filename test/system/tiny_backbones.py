"""Tiny models of each family: the real configuration class with small numbers, random weights, saved as the hub's folders are.

Nothing is downloaded. The tokenizer knows bytes and the family's special tokens; the preprocessing files are written as the
published models have them, because the classes that would write them need torchvision.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

transformers = pytest.importorskip("transformers", reason="transformers needs Python 3.11")

HIDDEN = 32
QWEN_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
OMNI_TOKENS = (
    *QWEN_TOKENS[:3],
    *("<|vision_bos|>", "<|vision_eos|>", "<|IMAGE|>", "<|VIDEO|>", "<|audio_bos|>", "<|audio_eos|>", "<|AUDIO|>"),
)
CLIP_MEAN, CLIP_STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
IMAGENET_MEAN, IMAGENET_STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def save_vjepa2(folder: Path) -> Path:
    """V-JEPA 2 for images of 32 x 32."""
    config = transformers.VJEPA2Config(
        patch_size=16,
        crop_size=32,
        hidden_size=HIDDEN,
        num_attention_heads=2,
        num_hidden_layers=2,
        mlp_ratio=2.0,
        pred_hidden_size=24,
        pred_num_attention_heads=2,
        pred_num_hidden_layers=1,
    )
    _save(transformers.VJEPA2Model, config, folder)
    rules = _rules(IMAGENET_MEAN, IMAGENET_STD, resample=2, do_center_crop=True, crop_size={"height": 32, "width": 32})
    _write(
        folder / "video_preprocessor_config.json", {**rules, "size": {"shortest_edge": 36}, "video_processor_type": "VJEPA2VideoProcessor"}
    )
    return folder


def save_qwen2_5_vl(folder: Path) -> Path:
    """Qwen2.5-VL, of which Cosmos-Reason is a descendant; one preprocessing file for images and video, as published."""
    ids = _save_tokenizer(folder, QWEN_TOKENS, "<|vision_start|>{}<|vision_end|>", {"image": "<|image_pad|>", "video": "<|video_pad|>"})
    config = transformers.Qwen2_5_VLConfig(
        text_config=_text(len(ids), [2, 1, 1]),
        vision_config=_vision(patch_size=14, window_size=56, fullatt_block_indexes=[1], tokens_per_second=2),
        **_vision_ids(ids),
    )
    _save(transformers.Qwen2_5_VLForConditionalGeneration, config, folder)
    rules = _rules(CLIP_MEAN, CLIP_STD, resample=3, patch_size=14, temporal_patch_size=2, merge_size=2)
    _write(folder / "preprocessor_config.json", {**rules, "min_pixels": 3136, "max_pixels": 12544})
    return folder


def save_qwen3_vl(folder: Path) -> Path:
    """Qwen3-VL; as published, other area limits for images than for video, and the word embeddings stored once (2B and 4B)."""
    ids = _save_tokenizer(folder, QWEN_TOKENS, "<|vision_start|>{}<|vision_end|>", {"image": "<|image_pad|>", "video": "<|video_pad|>"})
    config = transformers.Qwen3VLConfig(
        text_config=_text(len(ids), [2, 1, 1], head_dim=8),
        vision_config=_vision(patch_size=16, num_position_embeddings=16, deepstack_visual_indexes=[0]),
        tie_word_embeddings=True,
        **_vision_ids(ids),
    )
    _save(transformers.Qwen3VLForConditionalGeneration, config, folder)
    rules = _rules([0.5] * 3, [0.5] * 3, resample=3, patch_size=16, temporal_patch_size=2, merge_size=2)
    _write(folder / "preprocessor_config.json", {**rules, "size": {"shortest_edge": 1024, "longest_edge": 16384}})
    _write(folder / "video_preprocessor_config.json", {**rules, "size": {"shortest_edge": 4096, "longest_edge": 65536}})
    return folder


def save_qwen2_5_omni(folder: Path) -> Path:
    """Qwen2.5-Omni as published: the folder holds the thinker, and says that it has the voice too, which is never loaded here."""
    media = {"image": "<|IMAGE|>", "video": "<|VIDEO|>", "audio": "<|AUDIO|>"}
    ids = _save_tokenizer(folder, OMNI_TOKENS, "<|vision_bos|>{}<|vision_eos|>", media)
    thinker = transformers.Qwen2_5OmniThinkerConfig(
        text_config=_text(len(ids), [2, 1, 1], layer_types=["full_attention"] * 2),
        vision_config=_vision(patch_size=14, window_size=56, fullatt_block_indexes=[1]),
        audio_config={
            "num_mel_bins": 16,
            "encoder_layers": 2,
            "encoder_attention_heads": 2,
            "encoder_ffn_dim": 48,
            "d_model": HIDDEN,
            "output_dim": HIDDEN,
            "max_source_positions": 1500,
            "n_window": 100,
        },
        image_token_index=ids["<|IMAGE|>"],
        video_token_index=ids["<|VIDEO|>"],
        audio_token_index=ids["<|AUDIO|>"],
        audio_start_token_id=ids["<|audio_bos|>"],
        audio_end_token_id=ids["<|audio_eos|>"],
        vision_start_token_id=ids["<|vision_bos|>"],
        vision_end_token_id=ids["<|vision_eos|>"],
    )
    _save(transformers.Qwen2_5OmniThinkerForConditionalGeneration, thinker, folder, prefix="thinker.")
    _write(folder / "config.json", {"model_type": "qwen2_5_omni", "thinker_config": thinker.to_dict(), "enable_audio_output": False})
    rules = _rules(CLIP_MEAN, CLIP_STD, resample=3, patch_size=14, temporal_patch_size=2, merge_size=2)
    ear = transformers.WhisperFeatureExtractor(feature_size=16, hop_length=160, chunk_length=300, n_fft=400, return_attention_mask=True)
    limits = {"min_pixels": 3136, "max_pixels": 12544}
    _write(folder / "preprocessor_config.json", {**json.loads(ear.to_json_string()), **rules, **limits})
    return folder


TINY: dict[str, Callable[[Path], Path]] = {
    "vjepa2": save_vjepa2,
    "qwen2_5_vl": save_qwen2_5_vl,
    "qwen3_vl": save_qwen3_vl,
    "qwen2_5_omni": save_qwen2_5_omni,
}


def _save(kind: Any, config: Any, folder: Path, prefix: str = "") -> None:
    torch.manual_seed(0)
    model = kind(config).eval()
    state = {prefix + k: v for k, v in model.state_dict().items()} if prefix else None
    model.save_pretrained(folder, state_dict=state)


def _save_tokenizer(folder: Path, special: tuple[str, ...], vision: str, media: dict[str, str]) -> dict[str, int]:
    """A tokenizer of bytes and special tokens, with a chat template like the family's; returns the id of each token."""
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    inner.train_from_iterator([], trainers.BpeTrainer(initial_alphabet=alphabet, special_tokens=list(special), show_progress=False))
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=inner, pad_token=special[0])
    cases = "".join(
        f"{{% {'if' if i == 0 else 'elif'} c['type'] == '{name}' %}}"
        + (f"<|audio_bos|>{token}<|audio_eos|>" if name == "audio" else vision.format(token))
        for i, (name, token) in enumerate(media.items())
    )
    tokenizer.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
        f"{{% for c in m['content'] %}}{cases}{{% else %}}{{{{ c['text'] }}}}{{% endif %}}{{% endfor %}}"
        "<|im_end|>\n{% endfor %}"
    )
    tokenizer.save_pretrained(folder)
    return dict(inner.get_vocab())


def _text(vocabulary: int, sections: list[int], **options: Any) -> dict[str, Any]:
    return {
        "vocab_size": vocabulary,
        "hidden_size": HIDDEN,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": sections},
        "bos_token_id": 0,
        "eos_token_id": 0,
        **options,
    }


def _vision(**options: Any) -> dict[str, Any]:
    return {
        "depth": 2,
        "hidden_size": HIDDEN,
        "intermediate_size": 48,
        "num_heads": 4,
        "out_hidden_size": HIDDEN,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        **options,
    }


def _vision_ids(ids: dict[str, int]) -> dict[str, int]:
    names = {"image_token_id": "image_pad", "video_token_id": "video_pad", "vision_start_token_id": "vision_start"}
    return {key: ids[f"<|{token}|>"] for key, token in {**names, "vision_end_token_id": "vision_end"}.items()}


def _rules(mean: list[float], std: list[float], **more: Any) -> dict[str, Any]:
    return {
        "do_resize": True,
        "do_rescale": True,
        "do_normalize": True,
        "image_mean": mean,
        "image_std": std,
        "rescale_factor": 1 / 255,
        **more,
    }


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2))
