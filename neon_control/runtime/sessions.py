"""ONNX Runtime sessions set up for a CPU that a robot shares with its controllers."""

from __future__ import annotations

from pathlib import Path

import onnxruntime

from neon_control.core.errors import PolicyError


def open_session(path: Path, threads: int = 1) -> onnxruntime.InferenceSession:
    """Open an ONNX file on the CPU.

    Args:
        path: the ONNX file.
        threads: threads that one inference may use.

    Raises:
        PolicyError: the file is missing or ONNX Runtime refuses it.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Idle workers must sleep: by default they spin between inferences and take whole cores from the control loops.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises a private class for each status code
        raise PolicyError(f"ONNX Runtime cannot load {path}: {error}") from error
