"""Bags and LeRobot datasets to training samples, and back: the one answer to what was seen and what was commanded.

Imports `core`, `runtime/decoding` and `recordings/bag`; `finding` is where to begin.
"""
