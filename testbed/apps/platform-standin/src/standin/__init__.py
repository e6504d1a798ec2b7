"""Stand-ins for the services of a platform that no registry here has; see README.md."""
