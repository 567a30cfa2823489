"""Samples to a trained policy: features, batches, optimisation, checkpoints, reports, delivery.

Imports `core`, `model`, `runtime` and `recordings`; nothing that runs on a robot imports it.
"""
