"""Action heads, policies and devices measured in turns: what `neon_control bench` and `export` print.

Imports `core`, `model` and `runtime`.
"""
