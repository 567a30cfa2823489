"""What `neon_control bench` measures, one table a file."""
