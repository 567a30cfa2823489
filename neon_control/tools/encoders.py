"""`neon_control encoders`: make the exported vision encoder in the user's cache folder, and check the audio encoder."""

from __future__ import annotations

import argparse

from neon_control.runtime.encoders.hearing import audio_revision, model_folder
from neon_control.runtime.encoders.vision import VisionEncoder, build_cache, cache_folder, vision_revision


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--force", action="store_true", help="export again although the cache has it")


def run(args: argparse.Namespace) -> int:
    """Build and verify; returns the exit code."""
    if args.force:
        build_cache(replace=True)
    VisionEncoder()  # exports if need be, verifies the hash, opens a session
    print(f"vision  efficientnet_lite0 {vision_revision()}  {cache_folder()}")
    print(f"hearing whisper {audio_revision()}  {model_folder()}")
    return 0
