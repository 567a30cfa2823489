"""ONNX Runtime sessions set up for a computer that a robot shares with its controllers."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import redirect_stdout
from functools import lru_cache
from io import StringIO
from pathlib import Path

import onnxruntime

from neon_control.core.common.errors import PolicyError

CPU = "CPUExecutionProvider"
# What can be asked for -> ONNX Runtime's names, the first one to run what it can, the others the rest.
PROVIDERS: dict[str, tuple[str, ...]] = {
    "cpu": (CPU,),
    "cuda": ("CUDAExecutionProvider", CPU),
    "tensorrt": ("TensorrtExecutionProvider", "CUDAExecutionProvider", CPU),
}

log = logging.getLogger(__name__)


def open_session(graph: Path | bytes, threads: int = 1, provider: str = "auto") -> onnxruntime.InferenceSession:
    """Open an ONNX file, and log on what it runs and why.

    Args:
        graph: the ONNX file, or what stands in one.
        threads: threads that one inference may use on the CPU.
        provider: "cpu", "cuda", "tensorrt", or "auto": CUDA where it works, else the CPU. TensorRT compiles a graph for minutes when it is
            loaded, so it has to be asked for.

    Raises:
        PolicyError: the file is missing or ONNX Runtime refuses it, or the provider that was asked for is not there or does not start.
    """
    names, reason = choose_providers(provider, onnxruntime.get_available_providers())
    if names[0] != CPU:
        load_cuda_libraries()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Idle workers must sleep: by default they spin between inferences and take whole cores from the control loops.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    source, path = (graph, "a graph of our own") if isinstance(graph, bytes) else (str(graph), graph)
    try:
        session = onnxruntime.InferenceSession(source, options, providers=list(names))
    except Exception as error:  # ONNX Runtime raises a private class for each status code
        raise PolicyError(f"ONNX Runtime cannot load {path}: {error}") from error
    running, level = session.get_providers()[0], logging.INFO
    if running != names[0]:  # ONNX Runtime prints an error and goes on without it, for example when a CUDA library is missing
        reason, level = f"{names[0]} is in this ONNX Runtime but does not start here", logging.WARNING
        if provider != "auto":
            raise PolicyError(f"provider '{provider}' was asked for, but {reason}; ask for 'auto' or 'cpu', or repair its libraries")
    log.log(level, "%s runs on %s, %d thread%s: %s", path, running, threads, "" if threads == 1 else "s", reason)
    return session


@lru_cache
def load_cuda_libraries() -> None:
    """Load CUDA's and cuDNN's libraries from where pip puts them, which no linker looks at.

    Without this, a process that has not imported a torch with CUDA first would run on the CPU beside an idle GPU. What is missing is told
    in the debug log; whether the provider then starts says what matters.
    """
    preload = getattr(onnxruntime, "preload_dlls", None)  # since 1.21
    if preload is not None:
        with redirect_stdout(StringIO()) as said:  # it prints what it does not find
            preload()
        log.debug("CUDA's libraries: %s", said.getvalue().strip() or "loaded")


def choose_providers(provider: str, available: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """The providers to give to ONNX Runtime, first choice first, and why.

    Args:
        provider: as of `open_session`.
        available: what this ONNX Runtime was built with.

    Raises:
        PolicyError: the provider is unknown or not available.
    """
    if provider == "auto":
        if PROVIDERS["cuda"][0] in available:
            return PROVIDERS["cuda"], "this ONNX Runtime has CUDA"
        return PROVIDERS["cpu"], f"this ONNX Runtime has no CUDA, only {list(available)}"
    if provider not in PROVIDERS:
        raise PolicyError(f"unknown provider '{provider}'; it must be 'auto' or one of {list(PROVIDERS)}")
    names = PROVIDERS[provider]
    if names[0] not in available:
        raise PolicyError(
            f"provider '{provider}' was asked for, but this ONNX Runtime has no {names[0]}, only {list(available)}; "
            "install onnxruntime-gpu instead of onnxruntime, or ask for 'auto' or 'cpu'"
        )
    return tuple(name for name in names if name in available), "it was asked for"
