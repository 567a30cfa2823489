"""Stage: from an image to a chunk with EfficientNet-Lite0, and what is copied between the CPU and the GPU on the way.

The policy has random weights, does not listen, and is otherwise of the size that ships. Copies are counted by torch's profiler, which sees
those of ONNX Runtime too.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from policies import write_policy
from stage import Stage

from neon_control.runtime.encoders.backbone import BackboneOptions
from neon_control.runtime.policy.policy import Policy

FEATURES_BYTES = 4 * 2048
HEADS = ("grouped", "flow", "dit")


def copies(call: Any, scratch: Path) -> dict[str, Any]:
    """Copies of one call by direction: how many, and how many bytes; and whether one to the CPU could hold the features."""
    with torch.profiler.profile(activities=list(torch.profiler.supported_activities())) as profile:
        call()
    file = scratch / "trace.json"
    profile.export_chrome_trace(str(file))
    found: dict[str, list[int]] = {}
    for event in json.loads(file.read_text())["traceEvents"]:
        if str(event.get("cat")) == "gpu_memcpy":
            direction = event["name"].split(" (")[0].removeprefix("Memcpy ")
            found.setdefault(direction, []).append(int(event.get("args", {}).get("bytes", 0)))
    to_cpu = found.get("DtoH", [])
    return {"copies": {k: [len(v), sum(v)] for k, v in found.items()}, "features_to_cpu": any(size >= FEATURES_BYTES for size in to_cpu)}


def measure(stage: Stage, head: str, provider: str, scratch: Path) -> dict[str, Any]:
    options = {} if head == "grouped" else {"head_type": head}
    _, _, robot = write_policy(scratch / head, weights="float32", use_audio=False, **options)
    policy = Policy.load(scratch / head, robot, BackboneOptions(provider=provider, device=stage.device.type))
    image = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    seen = policy.still(0, image, np.zeros(policy.file.space.num_joints), np.zeros(0, np.float32))
    found: dict[str, Any] = stage.latency(lambda: policy.predict(seen), rounds=100)
    parts = dict(policy.last_ms)
    return {**found, "parts_ms": parts, **({} if stage.dry else copies(lambda: policy.predict(seen), scratch))}


if __name__ == "__main__":
    stage = Stage("path")
    provider = "cpu" if stage.dry else "cuda"
    with tempfile.TemporaryDirectory() as scratch:
        for head in HEADS[: 1 if stage.dry else None]:
            stage.attempt({"head": head, "provider": provider}, lambda head=head: measure(stage, head, provider, Path(scratch)))
