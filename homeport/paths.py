"""Where things lie in a checkout."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The checkout."""
TOOLCHAIN = ROOT / ".toolchain"
"""The engine built here; ignored by git."""
STATE = ROOT / ".homeport"
"""What the commands keep between runs; ignored by git."""
SYSTEMS = ROOT / "systems"
"""One Pulumi project each."""
