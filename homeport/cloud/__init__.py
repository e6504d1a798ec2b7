"""The local cloud: a Hetzner Cloud API and the servers behind it, on this machine."""
