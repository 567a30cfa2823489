"""Robots' own interfaces: drivers that stand between our topics and a robot that knows no ros2_control, a folder each.

May import `core` and what nodes share; the simulation may import messages from here, so that its stand-ins speak the same language.
"""
