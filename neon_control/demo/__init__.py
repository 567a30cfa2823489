"""The simulated robot, the real nodes and the page together, and the trials that `neon_control demo` counts.

Imports `sim`, `monitor` and helpers of `nodes`.
"""
