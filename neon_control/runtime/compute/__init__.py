"""How graphs are run: ONNX Runtime sessions, bound inputs and outputs, arrays that stay on a device, torch's devices and streams.

Knows neither encoders nor policies; torch is imported by `torch_device` alone.
"""
