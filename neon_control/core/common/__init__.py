"""What every room needs and that knows nothing of robots: errors, settings and YAML files, paths, registries, percentiles, processes.

Imports the standard library, numpy and yaml, and no other room.
"""
