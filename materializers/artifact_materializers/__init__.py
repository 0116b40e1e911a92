"""Materializer plugins; one folder per library."""
