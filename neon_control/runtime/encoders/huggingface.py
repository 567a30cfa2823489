"""Frozen backbones from `transformers`: V-JEPA 2, Qwen2.5-VL and its descendants (Cosmos-Reason), Qwen3-VL, Qwen2.5-Omni's thinker.

The features are the mean of the last layer's hidden states over all tokens that are not padding. A video encoder's tokens are patches; a
vision-language model's are the whole conversation: pixels, sound where it hears, and the instruction through the model's chat template.

Weights are read from safetensors only, in bfloat16 on CUDA and float32 on the CPU. Imported only when a policy asks for it: torch.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from torch import Tensor, nn

from neon_control.core.common.errors import ObservationError, PolicyError
from neon_control.core.common.files import verify_sha256
from neon_control.core.sensing.audio_buffer import SAMPLE_RATE
from neon_control.runtime.compute.device_arrays import numpy_on_cpu
from neon_control.runtime.compute.torch_device import on_stream, own_stream, torch_device
from neon_control.runtime.encoders.backbone import Backbone, BackboneOptions, BackboneSpec, Encoded
from neon_control.runtime.encoders.hearing import WINDOW_SAMPLES
from neon_control.runtime.encoders.model_folder import find_model, model_revision, read_json, read_settings
from neon_control.runtime.encoders.pixels import Normalisation, area_limits, cropped_clip, fit_area, stack_frames, to_patches

OMNI_VIDEO_AREA = (128 * 28 * 28, 768 * 28 * 28)  # [px] Qwen2.5-Omni's processor sets these itself, whatever the file says


@dataclass(frozen=True)
class Family:
    """What differs between the vision-language models."""

    model: str  # class in transformers
    seconds: str = ""  # name of the input that says how long [s] one patch lasts
    token_types: bool = True  # whether the model wants to be told which tokens are images and video
    timestamps: bool = False  # whether time is written between the frames, as text, and the area limits count all frames together
    hears: bool = False
    video_area: tuple[int, int] | None = None  # instead of what the preprocessing file says


OMNI = Family("Qwen2_5OmniThinkerForConditionalGeneration", "video_second_per_grid", False, hears=True, video_area=OMNI_VIDEO_AREA)
FAMILIES = {  # by the model_type in config.json
    "qwen2_5_vl": Family("Qwen2_5_VLForConditionalGeneration", "second_per_grid_ts"),
    "qwen3_vl": Family("Qwen3VLForConditionalGeneration", timestamps=True),
    "qwen2_5_omni": OMNI,
    "qwen2_5_omni_thinker": OMNI,
}


def load_huggingface(spec: BackboneSpec, folder: Path, options: BackboneOptions) -> Backbone:
    """Load the model that a policy names. Arguments as of `load_backbone`.

    Raises:
        PolicyError: there is no such model, it is of another kind or size than the policy needs, or its weights are not the recorded ones.
    """
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    model = find_model(spec.model, folder, options.trust_remote_code)
    for name, digest in spec.files.items():
        verify_sha256(model / name, digest, "the policy was trained with other weights; get the model again")
    if read_json(model / "config.json").get("model_type") == "vjepa2":
        return VideoBackbone(spec, model, options)
    return VisionLanguageBackbone(spec, model, options)


class HuggingFaceBackbone(Backbone):
    """What all of them share: loading, checking, pooling. `_tokens` is what a kind of model adds."""

    name = "huggingface"

    def __init__(self, spec: BackboneSpec, folder: Path, options: BackboneOptions) -> None:
        self.folder = folder
        self.clip = spec.clip
        self.revision = model_revision(folder)
        self._spec = spec
        self._options = options
        self._device = torch_device(options.device)
        self._stream = own_stream(self._device)
        config = _from_folder(transformers.AutoConfig, folder, options)
        self._config = getattr(config, "thinker_config", config)
        self.hidden_size = int(getattr(self._config, "text_config", self._config).hidden_size)
        if self.hidden_size != spec.features:  # before the weights, which may take minutes
            raise PolicyError(
                f"{folder}: the {config.model_type} backbone's hidden size is {self.hidden_size}, but the policy was trained with "
                f"{spec.features} features"
            )

    def _load(self, kind: Any) -> nn.Module:
        """The frozen model; a weight that its files do not have would be random."""
        if self._device.type == "cpu":
            torch.set_num_threads(self._options.threads)
        dtype = torch.bfloat16 if self._device.type == "cuda" else torch.float32
        model, info = _from_folder(kind, self.folder, self._options, dtype=dtype, use_safetensors=True, output_loading_info=True)
        missing = sorted(map(str, {*info["missing_keys"], *info["mismatched_keys"]}))
        if missing:
            raise PolicyError(f"{self.folder}: the weight files lack {len(missing)} weights that {kind.__name__} needs: {missing[:5]}")
        result: nn.Module = model.requires_grad_(False).eval()
        return result

    def _place(self, module: Any) -> Any:
        module = module.to(self._device)
        return torch.compile(module) if self._options.compile else module

    def encode(
        self, clips: Sequence[Sequence[np.ndarray]], instruction: str = "", audio: Sequence[np.ndarray] = (), tokens: bool = False
    ) -> Encoded:
        """See the base class."""
        wrong = [len(clip) for clip in clips if len(clip) != self.clip.frames]
        if wrong or not clips:
            raise ObservationError(f"the backbone takes clips of {self.clip.frames} images, got {[len(c) for c in clips]}", ("camera",))
        with torch.inference_mode(), on_stream(self._stream):
            hidden, mask = self._tokens(clips, instruction, audio)
            features = numpy_on_cpu(masked_mean(hidden, mask))
            if not tokens:
                return Encoded(features)
            return Encoded(features, numpy_on_cpu(hidden.float()), numpy_on_cpu(mask.bool()))

    @abstractmethod
    def _tokens(self, clips: Sequence[Sequence[np.ndarray]], instruction: str, audio: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
        """Hidden states of the last layer (B, S, hidden_size) and which of them are no padding (B, S)."""


def masked_mean(tokens: Tensor, mask: Tensor) -> Tensor:
    """Mean of the tokens (B, S, D) whose mask (B, S) is not 0, in float32: (B, D)."""
    weights = mask.to(torch.float32).unsqueeze(-1)  # (B, S, 1)
    return (tokens.float() * weights).sum(1) / weights.sum(1).clamp(min=1.0)


class VideoBackbone(HuggingFaceBackbone):
    """V-JEPA 2: the encoder alone. Its predictor, which imagines masked patches, is left out."""

    def __init__(self, spec: BackboneSpec, folder: Path, options: BackboneOptions) -> None:
        super().__init__(spec, folder, options)
        if spec.instruction or spec.tasks or spec.audio:
            raise PolicyError(f"{folder}: V-JEPA 2 neither reads nor hears, but the policy has an instruction or tasks, or gives it sound")
        path, settings = read_settings(folder, "video")
        self._rules = Normalisation.read(path, settings)
        crop = settings.get("crop_size", self._config.crop_size)
        self._crop = (int(crop["height"]), int(crop["width"])) if isinstance(crop, dict) else (int(crop), int(crop))
        self._net = self._place(self._load(transformers.VJEPA2Model).encoder)

    def _tokens(self, clips: Sequence[Sequence[np.ndarray]], instruction: str, audio: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
        if instruction:
            raise ObservationError("V-JEPA 2 does not read, but was given an instruction")
        frames = [cropped_clip(stack_frames(clip, self._config.tubelet_size), self._rules, self._crop) for clip in clips]
        pixels = torch.stack(frames).to(self._device, next(self._net.parameters()).dtype)  # (B, T, 3, H, W)
        hidden = self._net(pixel_values_videos=pixels).last_hidden_state  # (B, S, hidden_size)
        return hidden, torch.ones(hidden.shape[:2], device=hidden.device)


class VisionLanguageBackbone(HuggingFaceBackbone):
    """A Qwen: a clip as video, or a single frame as an image, and the instruction in the user's turn of a conversation."""

    def __init__(self, spec: BackboneSpec, folder: Path, options: BackboneOptions) -> None:
        kind = read_json(folder / "config.json").get("model_type")
        if kind not in FAMILIES:
            raise PolicyError(f"{folder}: model_type '{kind}' is not supported; there are {['vjepa2', *FAMILIES]}")
        super().__init__(spec, folder, options)
        self._family = FAMILIES[kind]
        self.hears, self.reads = spec.audio, True
        if spec.audio and not self._family.hears:
            raise PolicyError(f"{folder}: {kind} does not hear, but the policy gives it sound")
        self._media = "video" if spec.clip.frames > 1 else "image"
        path, settings = read_settings(folder, self._media)
        self._rules = Normalisation.read(path, settings)
        low, high = (self._family.video_area if self._media == "video" else None) or area_limits(path, settings)
        self._together = spec.clip.frames if self._family.timestamps and self._media == "video" else 1  # images that the limits hold for
        most = spec.max_pixels * self._together or high
        self._area = (min(low, most), min(high, most))
        self._tokenizer = _from_folder(transformers.AutoTokenizer, folder, options)
        self._special = sorted({str(t) for t in self._tokenizer.added_tokens_decoder.values()})
        self._template = _chat_template(folder) or self._tokenizer.chat_template
        if not self._template:
            raise PolicyError(f"{folder} has no chat template, neither chat_template.jinja nor one in tokenizer_config.json")
        if self.hears:
            self._ear = _from_folder(transformers.AutoFeatureExtractor, folder, options)
        self._net = self._place(self._load(getattr(transformers, self._family.model)).model)

    def _tokens(self, clips: Sequence[Sequence[np.ndarray]], instruction: str, audio: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
        inputs, grids = self._pixels(clips)
        heard = [0] * len(clips)
        if self.hears:
            sound, heard = self._sound(audio, len(clips))
            inputs |= sound
        if self._spec.tasks:
            self._check(instruction)
        texts = [self._text(instruction, grid, n) for grid, n in zip(grids, heard, strict=True)]
        text = self._tokenizer(texts, padding=True, add_special_tokens=False, return_tensors="pt")
        ids, mask = text["input_ids"], text["attention_mask"]
        inputs |= {"input_ids": ids, "attention_mask": mask}
        if self._family.token_types:
            image, video = (ids == self._media_id(m) for m in ("image", "video"))
            inputs["mm_token_type_ids"] = image.int() + 2 * video.int()
        if self._family.seconds and self._media == "video":
            depth = self._config.vision_config.temporal_patch_size
            inputs[self._family.seconds] = torch.full((len(clips),), depth / self.clip.rate_hz)
        placed = {key: value.to(self._device) for key, value in inputs.items()}
        hidden = self._net(**placed, use_cache=False).last_hidden_state  # (B, S, hidden_size)
        return hidden, placed["attention_mask"]

    def _pixels(self, clips: Sequence[Sequence[np.ndarray]]) -> tuple[dict[str, Tensor], list[tuple[int, int, int]]]:
        """The patches of all clips one after the other, and each clip's grid of patches (time, rows, columns)."""
        vision = self._config.vision_config
        patch, merge, depth = vision.patch_size, vision.spatial_merge_size, vision.temporal_patch_size
        patches, grids = [], []
        for clip in clips:
            frames = stack_frames(clip, 1)
            frames = self._rules.resize(frames, *fit_area(frames.shape[-2], frames.shape[-1], patch * merge, self._area, self._together))
            frames = torch.cat([frames, *[frames[-1:]] * (-len(frames) % depth)])
            cut, grid = to_patches(self._rules.standardise(frames), depth, patch, merge)
            patches.append(cut)
            grids.append(grid)
        key = "pixel_values_videos" if self._media == "video" else "pixel_values"
        pixels = torch.cat(patches).to(next(self._net.parameters()).dtype)
        return {key: pixels, f"{self._media}_grid_thw": torch.tensor(grids)}, grids

    def _sound(self, audio: Sequence[np.ndarray], count: int) -> tuple[dict[str, Tensor], list[int]]:
        """Log-mel frames of all windows, and how many tokens each window becomes."""
        if len(audio) != count or any(a.shape != (WINDOW_SAMPLES,) or a.dtype != np.float32 for a in audio):
            given = [(a.shape, str(a.dtype)) for a in audio]
            raise ObservationError(f"the backbone hears {count} windows ({WINDOW_SAMPLES},) float32, got {given}", ("audio",))
        mel = self._ear(
            list(audio), sampling_rate=SAMPLE_RATE, padding="longest", truncation=False, return_attention_mask=True, return_tensors="pt"
        )
        frames = mel["attention_mask"].sum(-1)
        # The audio tower halves the frames twice: once by a convolution, once by pooling.
        counts = ((frames - 1) // 2 + 1 - 2) // 2 + 1
        features = mel["input_features"].to(next(self._net.parameters()).dtype)
        return {"input_features": features, "feature_attention_mask": mel["attention_mask"]}, counts.tolist()

    def _check(self, instruction: str) -> None:
        """Words may come from anybody: what means something else to the model than its letters is refused."""
        found = [token for token in self._special if token in instruction]
        if found:
            raise ObservationError(f"instruction: {found} are signs of the model's own, not words", ("instruction",))

    def _text(self, instruction: str, grid: tuple[int, int, int], heard: int) -> str:
        """The conversation, with one placeholder for every token that pixels or sound will take the place of."""
        content: list[dict[str, str]] = [{"type": self._media}]
        content += [{"type": "audio"}] if self.hears else []
        content += [{"type": "text", "text": instruction}] if instruction else []
        turns = [{"role": "user", "content": content}]
        text: str = self._tokenizer.apply_chat_template(turns, chat_template=self._template, tokenize=False, add_generation_prompt=False)
        times, rows, columns = grid
        placeholder = self._token(self._media)
        count = rows * columns // self._config.vision_config.spatial_merge_size**2  # tokens of one instant
        expanded = placeholder * (times * count)
        if self._family.timestamps and self._media == "video":
            start, end = (self._tokenizer.convert_ids_to_tokens(getattr(self._config, f"vision_{s}_token_id")) for s in ("start", "end"))
            expanded = "".join(f"<{second:.1f} seconds>{start}{placeholder * count}{end}" for second in self._seconds(times))
        text = _replace_once(text, placeholder, expanded, self.folder)
        return _replace_once(text, self._token("audio"), self._token("audio") * heard, self.folder) if self.hears else text

    def _seconds(self, times: int) -> list[float]:
        """[s] The middle of the frames in each patch, from the first frame on."""
        depth = self._config.vision_config.temporal_patch_size
        last = self.clip.frames - 1
        return [(i * depth + min(i * depth + depth - 1, last)) / (2.0 * self.clip.rate_hz) for i in range(times)]

    def _media_id(self, media: str) -> int:
        """The token that stands for one piece of `media` in a text."""
        for field in (f"{media}_token_id", f"{media}_token_index"):
            if getattr(self._config, field, None) is not None:
                return int(getattr(self._config, field))
        raise PolicyError(f"{self.folder}: config.json has no {media}_token_id")

    def _token(self, media: str) -> str:
        return str(self._tokenizer.convert_ids_to_tokens(self._media_id(media)))


def _replace_once(text: str, old: str, new: str, folder: Path) -> str:
    if text.count(old) != 1:
        raise PolicyError(f"{folder}: the chat template gives {text.count(old)} placeholders '{old}' for one clip, needs 1: {text!r}")
    return text.replace(old, new)


def _chat_template(folder: Path) -> str:
    """The processor's template. The tokenizer may have one of its own, which knows no images."""
    if (folder / "chat_template.jinja").is_file():
        return (folder / "chat_template.jinja").read_text()
    if (folder / "chat_template.json").is_file():
        return str(read_json(folder / "chat_template.json").get("chat_template", ""))
    return ""


def _from_folder(kind: Any, folder: Path, options: BackboneOptions, **extra: Any) -> Any:
    """`kind.from_pretrained` without the network, without code unless allowed, and with its many errors as one."""
    try:
        return kind.from_pretrained(folder, local_files_only=True, trust_remote_code=options.trust_remote_code, **extra)
    except Exception as error:  # OSError, ValueError, KeyError, RuntimeError, the safetensors library's own
        reason = str(error).strip().splitlines()
        raise PolicyError(f"{folder}: {kind.__name__} cannot be loaded: {reason[0] if reason else type(error).__name__}") from error
