"""A program that declares nothing: the floor that a no-op is measured against."""
