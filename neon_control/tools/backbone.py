"""`neon_control backbone`: the block `vision` of a policy that is to use a Hugging Face model, and whether that model runs here."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import yaml

from neon_control.core.sensing.image_buffer import Clip
from neon_control.runtime.encoders.backbone import BackboneOptions
from neon_control.runtime.encoders.hearing import WINDOW_SAMPLES
from neon_control.runtime.encoders.model_folder import describe_model
from neon_control.runtime.encoders.registry import load_backbone
from neon_control.tools.arguments import positive, whole

RUNS = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a folder, or a repository of the Hugging Face hub: owner/name@revision")
    parser.add_argument("--frames", type=whole(1), default=1, help="images of a clip (default: %(default)s)")
    parser.add_argument("--rate", type=positive, default=10.0, help="images per second in a clip (default: %(default)s)")
    parser.add_argument("--instruction", default="", help="text for a model that reads")
    parser.add_argument("--audio", action="store_true", help="give the sound to a model that hears")
    parser.add_argument("--max-pixels", type=whole(0), default=0, help="upper limit of an image's area, for models of the Qwen family")
    parser.add_argument("--no-hashes", action="store_true", help="do not record the weights' hashes, which every load then verifies")
    parser.add_argument("--run", action="store_true", help="load it and time it on 480x640 images")
    parser.add_argument("--device", default="auto", help="where it runs (default: %(default)s)")
    parser.add_argument("--threads", type=whole(1), default=1, help="threads on the CPU (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Print the block as YAML, and with `--run` how long one clip takes; returns the exit code."""
    how = {"clip": Clip(args.frames, args.rate), "instruction": args.instruction, "audio": args.audio, "max_pixels": args.max_pixels}
    spec = describe_model(args.model, Path.cwd(), not args.no_hashes, **how)
    print(yaml.safe_dump({"vision": spec.to_dict()}, sort_keys=False), end="")
    if args.run:
        backbone = load_backbone(spec, Path.cwd(), BackboneOptions(args.threads, device=args.device))
        rng = np.random.default_rng(0)
        clip = [rng.integers(0, 256, (480, 640, 3), dtype=np.uint8) for _ in range(args.frames)]
        sound = [rng.normal(0.0, 0.1, WINDOW_SAMPLES).astype(np.float32)] if args.audio else []
        times = []
        for _ in range(RUNS + 1):
            start = time.perf_counter()
            encoded = backbone.encode([clip], args.instruction, sound, tokens=True)
            times.append(1e3 * (time.perf_counter() - start))
        tokens = encoded.tokens.shape[1] if encoded.tokens is not None else 0
        print(f"# {tokens} tokens, {np.median(times[1:]):.1f} ms for one clip (median of {RUNS}, the first not counted)")
    return 0
