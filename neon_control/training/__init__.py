"""From recordings to a trained action layer."""
