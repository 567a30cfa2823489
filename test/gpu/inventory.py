"""Stage: what is on this machine, and the two rates that the floors come from."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil

import torch
from stage import Stage

from neon_control.bench.floors import Floors

PACKAGES = ("torch", "triton", "numpy", "onnx", "onnxruntime", "onnxruntime-gpu", "tensorrt", "transformers", "pytest", "platformdirs")


def providers() -> list[str]:
    try:
        import onnxruntime  # a bare machine may lack it; the floors need torch alone
    except ImportError as error:
        return [str(error)]
    return list(onnxruntime.get_available_providers())


def version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


if __name__ == "__main__":
    stage = Stage("machine")
    card = "no GPU: dry run" if stage.dry else torch.cuda.get_device_name() if torch.cuda.is_available() else "torch finds no GPU"
    stage.row(
        card=card,
        cuda=str(torch.version.cuda),
        cudnn=str(torch.backends.cudnn.version()),
        python=platform.python_version(),
        compiler=shutil.which("gcc") or shutil.which("cc") or "absent",
        providers=providers(),
        packages={package: version(package) for package in PACKAGES},
    )
    stage.attempt({"what": "floors"}, lambda: vars(Floors.measured(stage.device)))
