"""From chunks of actions to one safe command a period: temporal ensemble, supervisor, limits, pacing, and the plan that is shown.

Knows no ROS, no policy; imports the rooms of `core` beside it.
"""
