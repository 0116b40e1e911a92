"""Integrations with backends, frameworks and engines; one folder per system."""
