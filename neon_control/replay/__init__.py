"""Bags written from the graph and played back into it.

Imports `core`, `recordings/bag` and helpers of `nodes`.
"""
