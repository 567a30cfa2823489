"""Numpy-only mathematics and value types; nothing here knows ROS, torch or ONNX Runtime."""
