"""neon_control: turns a frozen video model into a robot's hands, on ROS 2."""

__version__ = "0.1.0"
