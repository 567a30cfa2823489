"""neon_control: turns a frozen video model into a robot's hands, on ROS 2."""

import os

__version__ = "0.1.0"

# ONNX Runtime's wheels report their use to Microsoft, and keep an identifier of the computer, unless this is set before they are imported.
# A robot does not report to anybody; who wants that sets ORT_DISABLE_TELEMETRY=0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
