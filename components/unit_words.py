"""How systemd and Quadlet read words in unit files: pure functions that quote for both."""


def quoted(text: str, *, run: bool = False) -> str:
    """Return text as one word of a unit file; with `run`, of a command line."""
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "%": "%%"}
    if run:
        escapes["$"] = "$$"
    return '"' + "".join(escapes.get(letter, letter) for letter in text) + '"'
