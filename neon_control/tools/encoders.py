"""`neon_control encoders`: make the exported vision encoder in the user's cache folder, and check the audio encoder."""

from __future__ import annotations

import argparse

from neon_control.runtime.encoders.hearing import audio_revision, model_folder
from neon_control.runtime.encoders.vision import EfficientNetLite0, build_cache, cache_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--force", action="store_true", help="export again although the cache has it")


def run(args: argparse.Namespace) -> int:
    if args.force:
        build_cache(replace=True)
    backbone = EfficientNetLite0()  # exports if need be, verifies the hash, opens a session
    print(f"vision  {backbone.name} {backbone.revision}  {cache_folder()}")
    print(f"hearing whisper {audio_revision()}  {model_folder()}")
    return 0
