"""`neon_control policy show|verify`: what a policy folder says about itself, and whether it can be run here."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import yaml

from neon_control.core.robot.robot_file import load_robot
from neon_control.core.robot.view import in_words
from neon_control.runtime.encoders.backbone import BackboneOptions
from neon_control.runtime.policy.likeness import kinds_in_words
from neon_control.runtime.policy.policy import Policy
from neon_control.runtime.policy.policy_file import DESCRIPTION_FILE, PolicyFile, read_policy_file
from neon_control.tools.arguments import add_plugins, whole

RUNS = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = actions.add_parser("show", help="print what the policy is; its hashes are checked")
    show.add_argument("--json", action="store_true", help="print everything, as JSON")
    verify = actions.add_parser("verify", help="load it as a robot would, and run it")
    verify.add_argument("--robot", default="g1.yaml", help="robot configuration that it has to fit (default: %(default)s)")
    verify.add_argument("--threads", type=whole(1), default=1, help="threads of the inference (default: %(default)s)")
    add_plugins(verify)
    for action in (show, verify):
        action.add_argument("policy", metavar="PATH", help="a folder, the name of a shipped policy, or a Hugging Face repository")


def run(args: argparse.Namespace) -> int:
    """Show or verify; errors come out as exceptions, so reaching the end means that the policy is good."""
    if args.action == "show":
        _show(read_policy_file(args.policy), args.json)
    else:
        _verify(args.policy, args.robot, args.threads)
    return 0


def _show(file: PolicyFile, as_json: bool) -> None:
    if as_json:
        print(json.dumps(yaml.safe_load((file.folder / DESCRIPTION_FILE).read_text()), indent=2))
        return
    space = file.space
    rows = [
        ("policy", f"{file.name}  ({file.folder})"),
        ("robot", f"{file.robot}, mode {space.mode}: {space.num_joints} joints{' and a base' if space.dim > space.num_joints else ''}"),
        ("joints", ", ".join(space.joint_names)),
        ("chunk", f"{file.num_steps} steps of {1e3 * file.dt:g} ms"),
        *([("prefix", f"goes on from up to {file.max_prefix} committed steps")] if file.max_prefix else []),
        *([("prefix", "starts from what is under way (forward-only)")] if file.forward_only else []),
        ("vision", f"{file.vision.encoder} {file.vision.revision}, {file.vision.features} features"),
        *([("cameras", f"{', '.join(file.vision.cameras)}: {file.vision.combine}")] if file.vision.cameras else []),
        *([("views", "; ".join(map(in_words, file.vision.views)))] if file.vision.views else []),
        *([("told", "what the topic `instruction` says")] if file.vision.tasks else []),
        *((f"images of {camera}", kinds_in_words(kinds)) for camera, kinds in file.images.items()),
        *([("tokens", f"{file.vision.tokens}, padding included")] if file.vision.tokens else []),
        ("audio", f"{file.audio.encoder} {file.audio.revision}, {file.audio.features} features" if file.audio else "none"),
        *((f"head.{key}", value) for key, value in _flat(file.action_layer.get("head", {}))),
        *((f"training.{key}", value) for key, value in _flat(file.training)),
        *((name, f"{(file.folder / name).stat().st_size / 1e6:.2f} MB, SHA-256 {digest}") for name, digest in file.files.items()),
    ]
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        print(f"{name:<{width}}  {text}")


def _flat(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in data.items():
        if isinstance(value, Mapping):
            for inner, text in _flat(value):
                yield f"{key}.{inner}", text
        else:
            yield str(key), str(value)


def _verify(name: str, robot: str, threads: int) -> None:
    policy = Policy.load(name, load_robot(robot), BackboneOptions(threads))
    space = policy.file.space
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (480, 640, 3), dtype=np.uint8)
    audio = rng.normal(0.0, 0.1, 32000).astype(np.float32)
    joints = rng.uniform(space.lower, space.upper)[: space.num_joints]
    times = []
    for stamp in range(RUNS):
        policy.predict(policy.still(stamp, image, joints, audio))  # refuses NaN and infinity
        times.append(sum(policy.last_ms.values()))
    print(f"{policy.file.name}: format, {len(policy.file.files)} hashes, joints of {robot}, encoders and shapes are as they have to be")
    print(f"observation to chunk: {np.median(times):.1f} ms (median of {RUNS}, {threads} thread{'s' if threads > 1 else ''})")
