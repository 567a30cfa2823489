"""Small graphs for the tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from neon_control.runtime.compute.binding import HOST
from neon_control.runtime.compute.ort_array import OrtArray


def write_sum(path: Path, kind: int = TensorProto.FLOAT) -> Path:
    """actions (batch, 2, 3) = large (batch, 2, 3) + small (batch, 1, 3)."""
    shapes = {"large": ["batch", 2, 3], "small": ["batch", 1, 3], "actions": ["batch", 2, 3]}
    large, small, actions = (helper.make_tensor_value_info(name, kind, shape) for name, shape in shapes.items())
    graph = helper.make_graph([helper.make_node("Add", ["large", "small"], ["actions"])], "sum", [large, small], [actions])
    path.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10).SerializeToString())
    return path


def mean_over_the_middle() -> onnx.ModelProto:
    """y (n, f) = the mean of x (n, k, f) over k."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (("x", ["n", "k", "f"]), ("y", ["n", "f"])))
    graph = helper.make_graph([helper.make_node("ReduceMean", ["x"], ["y"], axes=[1], keepdims=0)], "mean", [x], [y])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def ort_array(values: np.ndarray) -> OrtArray:
    array = OrtArray.empty(values.shape, HOST)
    np.copyto(array._memory.numpy(), values)  # on the CPU, the memory itself
    return array


def add_endless_loop(file: Path, gathers: bool = False) -> None:
    """Let a graph's output `actions` go through a loop without end; one that `gathers` keeps every round's result."""
    model = onnx.load(file, load_external_data=False)
    graph, (actions,) = model.graph, model.graph.output
    for node in graph.node:
        node.output[:] = ["acted" if name == "actions" else name for name in node.output]
    ends = [("go_out", TensorProto.BOOL, []), ("x_out", TensorProto.FLOAT, None), *([("kept", TensorProto.FLOAT, None)] * gathers)]
    nodes = [helper.make_node("Identity", [name], [to]) for name, to in (("go", "go_out"), ("x", "x_out"), ("x", "kept"))[: len(ends)]]
    starts = [("round", TensorProto.INT64, []), ("go", TensorProto.BOOL, []), ("x", TensorProto.FLOAT, None)]
    body = helper.make_graph(nodes, "body", *([helper.make_tensor_value_info(*end) for end in part] for part in (starts, ends)))
    graph.initializer.append(helper.make_tensor("true", TensorProto.BOOL, [], [True]))
    graph.node.append(helper.make_node("Loop", ["", "true", "acted"], ["looped", *(["all"] * gathers)], body=body))
    if gathers:  # what nobody reads, ONNX Runtime does not keep
        graph.node.append(helper.make_node("ReduceMax", ["all"], ["largest"], keepdims=0))
    graph.node.append(helper.make_node("Add", ["looped", "largest" if gathers else "looped"], [actions.name]))
    file.write_bytes(model.SerializeToString())
