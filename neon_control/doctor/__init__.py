"""Recordings examined before a training: figures of each episode, a verdict with its reasons, a report.

Imports `core`, `recordings` and the page of `evaluation`; `neon_control recordings` is its command. All figures are numpy's alone.
"""
