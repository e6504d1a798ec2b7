"""The command `homeport`: the local cloud and day 2."""
