"""ComponentResources: the only folder that creates resources."""
