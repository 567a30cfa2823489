"""The recordings that several tests of this folder read."""

from real_bags import recordings, robot, space

__all__ = ["recordings", "robot", "space"]
