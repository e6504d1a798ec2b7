"""Larger systems, each a Pulumi project of its own."""
