"""How the weights of an exported graph are stored: once, in a safetensors file beside it, in one of three types.

    float32  as trained
    float16  matrices rounded and widened again when the graph is loaded: half the file, the same speed
    int8     matrices as 8-bit whole numbers with a scale for each column, inputs rounded to 8 bits at every run: a quarter of the file

Needs the package onnx, but not torch.
"""

from __future__ import annotations

import json
import logging
import struct
import tempfile
from pathlib import Path

import numpy as np
import onnx

WEIGHT_TYPES = ("float32", "float16", "int8")
SMALL = 1024  # [bytes] a tensor below this stays inside the graph


def read_weights_from(model: onnx.ModelProto, file: Path) -> None:
    """Replace every weight of the graph that `file` (safetensors) holds by a reference into that file.

    A safetensors file is: 8 bytes length of the header, the header in JSON, then the tensors' bytes one after the other. ONNX's
    external data is a file name, an offset and a length, so one can point into the other. What the file holds as float16 gets a
    cast to float32, which ONNX Runtime carries out once, when it loads the graph.
    """
    with file.open("rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        header = json.loads(stream.read(length))
    casts = []
    for tensor in model.graph.initializer:
        entry = header.get(tensor.name)
        if entry is None or entry["shape"] != list(tensor.dims):
            continue  # a constant that the exporter computed
        begin, end = entry["data_offsets"]
        if entry["dtype"] == "F16":
            half = f"{tensor.name}.float16"
            casts.append(onnx.helper.make_node("Cast", [half], [tensor.name], name=f"cast.{tensor.name}", to=onnx.TensorProto.FLOAT))
            tensor.name, tensor.data_type = half, onnx.TensorProto.FLOAT16
        for own in ("raw_data", "float_data", "int32_data"):
            tensor.ClearField(own)
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in (("location", file.name), ("offset", 8 + length + begin), ("length", end - begin)):
            tensor.external_data.add(key=key, value=str(value))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def quantised(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with the matrices of its linear layers in 8 bits (dynamic quantisation: the inputs' scales are found at each run).

    One scale for each output column. The numbers are unsigned: on processors without an instruction for it, ONNX Runtime adds two
    products of unsigned and signed bytes in 16 bits, which overflow when both are large; unsigned ones are right on every processor.
    """
    from onnxruntime import GraphOptimizationLevel, InferenceSession, SessionOptions
    from onnxruntime.quantization import QuantType, quantize_dynamic

    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # it recommends the preprocessing that is done here
    try:
        with tempfile.TemporaryDirectory() as scratch:
            folded, result = Path(scratch) / "folded.onnx", Path(scratch) / "int8.onnx"
            options = SessionOptions()
            options.graph_optimization_level = GraphOptimizationLevel.ORT_ENABLE_BASIC  # parts of matrices become matrices of their own
            options.optimized_model_filepath = str(folded)
            InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
            quantize_dynamic(folded, result, per_channel=True, weight_type=QuantType.QUInt8)
            small = onnx.load(result)
    finally:
        root.setLevel(level)
    del small.metadata_props[:]  # the tools add their own
    small.metadata_props.extend(model.metadata_props)
    onnx.checker.check_model(small)
    return small


def graph_tensors(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    """The graph's own weights and constants, but for those that are too small to be worth a reference."""
    tensors = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    return {name: values for name, values in tensors.items() if values.nbytes >= SMALL}
