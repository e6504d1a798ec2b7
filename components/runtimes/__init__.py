"""How a release becomes an instance, one runtime a file."""
