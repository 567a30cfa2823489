"""A policy judged on a recording: read it, run the policy over it in the bag's time, measure, draw, write."""
