"""From streams of messages to one time-aligned observation: images, sound, joint states. Training and the live nodes share it.

Knows stamps and arrays, no ROS, no encoder; imports `core/common` and `core/robot`.
"""
