"""The action layer as torch modules, one action head a file; `action_heads/factory` lists them.

Imports `core` and torch; how heads are trained, exported and run is in other rooms.
"""
