"""Frozen backbones: images, and for some text and sound, to features. One backbone per file; `backbone.py` says what they share."""
