"""Unitree's G1 by its own DDS topics: arms by `rt/arm_sdk`, the base by the sport API, hands by `rt/dex3`.

What decides knows no DDS. `cyclonedds` is imported by `messages` and `channel` alone, and they by the driver's process alone.
"""
