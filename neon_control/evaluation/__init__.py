"""A policy judged on a recording, without ROS: the same decisions as the live nodes, measures, plots, report.

Imports `core`, `runtime` and `recordings`; `neon_control evaluate` is its command.
"""
