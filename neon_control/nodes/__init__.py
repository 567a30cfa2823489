"""The ROS 2 nodes and what they share: thin wiring from parameters and messages to the objects of `core` and `runtime`.

Callbacks convert, call and publish. Torch is imported only by what a policy asks for.
"""
