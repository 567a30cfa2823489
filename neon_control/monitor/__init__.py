"""The browser page of `neon_control monitor` and of the demo. (The node `monitor_node`, for RViz and Foxglove, is in `nodes/`.)

Imports `core`, `runtime/decoding` and helpers of `nodes`.
"""
