"""Stamps are integer nanoseconds, durations float seconds: what is between them."""

NANOSECONDS = 1_000_000_000  # in a second
