"""ROS 2 nodes: parameters become a dataclass, callbacks convert, call a plain object, publish."""
