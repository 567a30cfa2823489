"""Frozen backbones and ears: what they are, where their weights come from, and how an observation becomes features.

Torch and transformers are imported by `huggingface` and `pixels` alone, when a policy asks for them.
"""
