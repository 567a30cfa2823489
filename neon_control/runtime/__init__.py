"""What a robot runs: frozen encoders, ONNX sessions, policy folders. Torch is imported by `export.py` only."""
