"""`neon_control bench`: a row for every head, the parts of a policy, a peer's heads, and all of it as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import onnxruntime
import pytest
import torch
from policies import write_policy

from neon_control.bench.rows import GROUPED, HEADS
from neon_control.core.robot.action_space import MODES
from neon_control.model.action_heads import registered_heads
from neon_control.tools.cli import EXIT_USAGE, main

TENSORRT = "TensorrtExecutionProvider"
# A file at the place that the wheel has it, importing as the wheel's does, whose package would not import.
PEER = """
import torch
from neon.data.action_space import WIDTH


class MLPDecoder(torch.nn.Linear):
    def __init__(self, input_dim, output_dim):
        super().__init__(input_dim, output_dim * WIDTH)
"""


@pytest.fixture
def peer(tmp_path: Path) -> Path:
    files = {"__init__.py": "import a_package_that_nobody_has", "data/action_space.py": "WIDTH = 3", "model/action_heads.py": PEER}
    for name, text in files.items():
        (tmp_path / "neon" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "neon" / name).write_text(text)
    return tmp_path / "neon" / "model" / "action_heads.py"


def test_there_is_a_row_for_every_head_and_mode() -> None:
    assert set(registered_heads()) == {config["type"] for config in HEADS.values()} | {"grouped"}
    assert list(GROUPED) == [f"grouped/{mode}" for mode in MODES]


def test_a_head_s_row_has_parity_latencies_floor_and_the_peer(peer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bench.json"
    options = ["--heads", "mlp", "grouped/arms_only", "--threads", "1", "--rounds", "4", "--peer", str(peer), "--json", str(file)]
    assert main(["bench", *options]) == 0
    out = capsys.readouterr().out
    rows = {row["head"]: row for row in json.loads(file.read_text())["heads"]}
    assert set(rows) == {"mlp", "grouped/arms_only"} and all(name in out for name in rows)
    for row in rows.values():
        assert row["max_difference"] < 1e-5 and row["parameters"] > 1e6
        assert row["weight_bytes"] == pytest.approx(4 * row["parameters"], rel=0.1)
        assert all(0.0 < value["p50"] <= value["p99"] for value in row["latency_ms"].values())
    assert set(rows["mlp"]["latency_ms"]) == {"torch_1", "onnx_1", "floor_1", "peer_1"}
    assert set(rows["grouped/arms_only"]["latency_ms"]) == {"torch_1", "onnx_1", "floor_1"}


def test_a_policy_s_rows_are_its_parts_and_its_graph_in_every_type(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_policy(tmp_path / "policy")
    file = tmp_path / "bench.json"
    options = ["--heads", "--threads", "1", "--rounds", "4", "--policy", str(tmp_path / "policy"), "--json", str(file)]
    assert main(["bench", *options]) == 0
    out = capsys.readouterr().out
    rows = {row["part"].strip(): row for row in json.loads(file.read_text())["policy"]}
    parts = ["observation to chunk", "vision", "audio", "action_layer", "graph, float32", "graph, float16", "graph, int8"]
    assert list(rows) == parts and all(part in out for part in parts)
    assert rows["graph, int8"]["error"]["joints_mean"] > rows["graph, float32"]["error"]["joints_mean"]
    assert rows["graph, int8"]["bytes"] < rows["graph, float16"]["bytes"] < rows["graph, float32"]["bytes"]


@pytest.mark.parametrize(
    "device", ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU: CUDA graphs"))]
)
def test_heads_on_a_device_have_parity_floors_and_a_latency_for_each_way_and_batch(
    device: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, lines, heads, most = tmp_path / "bench.json", tmp_path / "rows.jsonl", ["mlp", "flow", "state_relative"], 2e-3
    options = ["--heads", *heads, "--threads", "1", "--rounds", "4", "--device", device, "--batch", "1", "3", "--only-device"]
    assert main(["bench", *options, "--json", str(file), "--rows", str(lines)]) == 0
    out = capsys.readouterr().out
    result = json.loads(file.read_text())
    rows = result["device"]
    ways = ["eager", "onnx"] if device == "cpu" else ["eager", "graph", "onnx"]
    assert "heads" not in result and f"{device}, batch 3 [ms]" in out
    assert [(row["head"], row["way"]) for row in rows] == [(head, way) for head in heads for way in ways]
    assert [json.loads(line) for line in lines.read_text().splitlines()] == rows
    for row in rows:
        if row["way"] == "onnx" and device == "cuda" and "error" in row:
            continue  # a torch with CUDA beside an ONNX Runtime without it
        assert set(row["latency_ms"]) == {"1", "3"} and row["max_difference"] < (2e-5 if device == "cpu" else most)
        assert all(0.0 < value["p50"] <= value["p99"] for value in row["latency_ms"].values())
        assert row["weight_bytes"] == 4 * row["parameters"] and row["operations"] > row["parameters"]
        assert row["floor_bytes_ms"] > 0.0 and row["floor_operations_ms"] > 0.0


def test_a_way_that_does_not_work_has_a_row_that_says_so_and_the_others_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if TENSORRT in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has TensorRT")
    file = tmp_path / "bench.json"
    options = ["--heads", "mlp", "--threads", "1", "--rounds", "4", "--device", "cpu", "--only-device", "--batch", "1"]
    assert main(["bench", *options, "--ways", "tensorrt", "eager", "--json", str(file)]) == 0
    failed, eager = json.loads(file.read_text())["device"]
    assert failed["way"] == "tensorrt" and f"no {TENSORRT}" in failed["error"] and "latency_ms" not in failed
    assert eager["way"] == "eager" and "latency_ms" in eager and "failed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--device", "tpu"], "device 'tpu' cannot be used"),
        (["--only-device"], "there is no --device"),
        (["--heads", "mlp", "--rounds", "4", "--peer", "action_heads.py"], "is not the file neon/model/action_heads.py"),
    ],
)
def test_wrong_use_is_refused(options: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *options]) == EXIT_USAGE
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(("options", "least"), [(["--rounds", "1"], 4), (["--threads", "0"], 1), (["--batch", "1", "0"], 1)])
def test_numbers_that_are_too_small_are_refused_by_their_option(options: list[str], least: int, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["bench", *options])
    assert caught.value.code == EXIT_USAGE
    assert f"{options[0]}: needs a whole number, {least} or more, got '{options[-1]}'" in capsys.readouterr().err
