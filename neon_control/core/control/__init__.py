"""From chunks of actions to one safe command a period: temporal ensemble, supervisor, limits, pacing, and the plan that is shown. And what
follows such commands where a robot has no ros2_control: trajectory controller, velocity base.

Knows no ROS, no policy; imports the rooms of `core` beside it.
"""
