"""A stand-in of Unitree's G1: it speaks the robot's side of its interface, and is no kinder than what is known of the robot.

`robot.py` is the robot's own computer, without DDS and threads; `stage.py` puts it into the world of `sim/`; `node.py` onto the wire.
What is a guess, because nobody tells how the robot does it, is called one where it stands. No hardware was tried.
"""
