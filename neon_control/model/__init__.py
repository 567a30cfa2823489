"""Torch modules: action heads, proprioception encoder, fusion layer and the policy that joins them."""
