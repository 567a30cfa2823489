"""Torch modules to the files that `runtime/policy` and `runtime/encoders` load; every file here imports torch or onnx.

The robot side never imports this room.
"""
