"""What needs numpy and yaml alone, in four rooms: `common`, `robot`, `sensing`, `control`. The safety of the robot is decided here.

No ROS, no inference library, no torch: everything here can be tested, and used, without a robot.
"""
