"""Every figure that the project claims, reproducible, peers side by side."""
