"""On what a graph runs: the CPU by default, a GPU where there is one, and a clear error where it was asked for in vain."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from neon_control.core.common.errors import PolicyError
from neon_control.runtime.compute.sessions import CPU, choose_providers, open_session

CUDA, TENSORRT = "CUDAExecutionProvider", "TensorrtExecutionProvider"


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """y = x + x."""
    value = onnx.helper.make_tensor_value_info
    x, y = (value(name, onnx.TensorProto.FLOAT, [2]) for name in "xy")
    nodes = [onnx.helper.make_node("Add", ["x", "x"], ["y"])]
    model = onnx.helper.make_model(
        onnx.helper.make_graph(nodes, "double", [x], [y]), opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10
    )
    path = tmp_path / "double.onnx"
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize("provider", ["auto", "cpu"])
def test_it_runs_on_the_cpu_and_says_so(graph: Path, provider: str, caplog: pytest.LogCaptureFixture) -> None:
    if provider == "auto" and CUDA in onnxruntime.get_available_providers():
        pytest.skip("this machine has CUDA")
    with caplog.at_level(logging.INFO):
        session = open_session(graph, 1, provider)
    assert session.get_providers() == [CPU]
    assert session.run(None, {"x": np.ones(2, np.float32)})[0].tolist() == [2.0, 2.0]
    (line,) = caplog.messages
    why = "it was asked for" if provider == "cpu" else "this ONNX Runtime has no CUDA"
    assert line.startswith(f"{graph} runs on {CPU}, 1 thread: {why}")


@pytest.mark.parametrize(("provider", "name"), [("cuda", CUDA), ("tensorrt", TENSORRT)])
def test_an_absent_provider_is_an_error_that_names_what_there_is(graph: Path, provider: str, name: str) -> None:
    if name in onnxruntime.get_available_providers():
        pytest.skip(f"this machine has {name}")
    with pytest.raises(PolicyError, match=rf"'{provider}' was asked for, but .* has no {name}, only \[.*{CPU}.*install onnxruntime-gpu"):
        open_session(graph, 1, provider)


def test_an_unknown_provider_is_an_error(graph: Path) -> None:
    with pytest.raises(PolicyError, match="unknown provider 'gpu'; it must be 'auto' or one of"):
        open_session(graph, 1, "gpu")


def test_a_missing_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"cannot load .*absent\.onnx"):
        open_session(tmp_path / "absent.onnx")


@pytest.mark.parametrize(
    ("provider", "available", "chosen"),
    [
        ("auto", [TENSORRT, CUDA, CPU], (CUDA, CPU)),
        ("auto", [CPU], (CPU,)),
        ("cpu", [CUDA, CPU], (CPU,)),
        ("cuda", [TENSORRT, CUDA, CPU], (CUDA, CPU)),
        ("tensorrt", [TENSORRT, CUDA, CPU], (TENSORRT, CUDA, CPU)),
        ("tensorrt", [TENSORRT, CPU], (TENSORRT, CPU)),
    ],
)
def test_a_gpu_comes_first_and_the_cpu_takes_what_it_cannot_run(provider: str, available: list[str], chosen: tuple[str, ...]) -> None:
    assert choose_providers(provider, available)[0] == chosen


def test_a_provider_that_does_not_start_is_an_error_when_asked_for_and_a_reason_when_not(
    graph: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if CUDA in onnxruntime.get_available_providers():
        pytest.skip("CUDA starts on this machine")
    # Built with CUDA, but without a driver: ONNX Runtime then goes on with the CPU. Here it does so because it has no CUDA at all.
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
    with pytest.warns(UserWarning, match=CUDA), pytest.raises(PolicyError, match=f"{CUDA} is in this ONNX Runtime but does not start here"):
        open_session(graph, 1, "cuda")
    with caplog.at_level(logging.INFO), pytest.warns(UserWarning, match=CUDA):
        assert open_session(graph, 1, "auto").get_providers() == [CPU]
    assert "does not start here" in caplog.messages[-1] and caplog.records[-1].levelno == logging.WARNING


def test_nothing_is_reported_to_the_makers_of_onnx_runtime(graph: Path, tmp_path: Path) -> None:
    """Its wheels do by default, and keep an identifier of the computer in the user's cache."""
    home = tmp_path / "home"
    home.mkdir()
    unset = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment = {**unset, "HOME": str(home), "XDG_CACHE_HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    code = f"import neon_control, onnxruntime; onnxruntime.InferenceSession({str(graph)!r})"
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert list(home.rglob("*")) == []
