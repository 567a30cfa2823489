"""The commands of `neon_control`, one file each, with `cli` to find them and `arguments` to check what they are given.

Nothing else is here: what a command does is in the room that it is about. Nobody imports this room.
"""
