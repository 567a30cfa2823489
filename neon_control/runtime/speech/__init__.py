"""Words to sound: the voices of espeak-ng, somebody who repeats them in a room, and the windows of it that a policy hears.

Imports `core` only, so that the simulation speaks as training and the nodes do.
"""
