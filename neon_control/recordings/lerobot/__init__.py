"""LeRobot datasets, read (`episodes`) and written (`export`)."""
