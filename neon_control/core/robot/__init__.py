"""A robot as data: its file and URDF, the order of an action vector, where its links are, what its topics are called.

Imports `core/common` only; what moves or measures a robot is in other rooms.
"""
