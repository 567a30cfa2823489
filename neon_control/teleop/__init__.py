"""A person's hand on the robot: keyboard, gamepad, leader arm or browser, as the topics by which the executor lets somebody take over.

A process of its own, or the monitor's page, whose end lets go; `core` and what nodes share, neither policy nor torch. What it asks for is
limited by the executor.
"""
