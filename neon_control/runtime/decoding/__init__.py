"""Messages of images, types of audio messages and other sample rates to the arrays that `core/sensing` takes.

Imports `core` only, so that nodes and readers of recordings decode alike without an inference library.
"""
