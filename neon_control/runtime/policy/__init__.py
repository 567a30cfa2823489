"""A policy folder and what runs it: reading and verifying it, the action layer, when to see and when to act, the change to another one.

Torch is imported by `torch_action_layer` alone.
"""
