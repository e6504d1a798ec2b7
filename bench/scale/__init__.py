"""How previews and no-op updates grow with the number of apps and hosts."""
