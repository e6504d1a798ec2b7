"""The container's health check: `python -m ledger.healthcheck [serve|worker]`, stdlib only.

Exit code 0 means healthy; 1 comes with one line that says why not. Without an argument a
heartbeat file means that this container runs the worker.
"""

import json
import os
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

TIMEOUT_SECONDS = 4.0
HEARTBEAT_MAX_AGE_SECONDS = 30.0


def serve_problem() -> str | None:
    """Asks the app on this machine's own PORT."""
    url = f"http://127.0.0.1:{os.environ.get('PORT') or '8000'}/healthz"
    try:
        # No proxy: the environment's would be asked for an address of this container.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=TIMEOUT_SECONDS):
            return None
    except urllib.error.HTTPError as error:
        try:
            return str(json.load(error)["reason"])
        except (ValueError, KeyError, TypeError):
            return f"{url} answered {error.code}"
    except OSError as error:
        return f"{url} does not answer: {error}"


def worker_problem(file: Path) -> str | None:
    """Looks at how old the worker's heartbeat is."""
    try:
        age = time.time() - file.stat().st_mtime
    except OSError:
        return f"{file} is missing: the worker has not been healthy since it started"
    if age > HEARTBEAT_MAX_AGE_SECONDS:
        return f"{file} is {age:.0f} s old: the worker is stuck, or cannot use the database"
    return None


def main(arguments: list[str]) -> int:
    """Runs the check that the argument names."""
    default = Path(tempfile.gettempdir()) / "ledger-worker.alive"
    file = Path(os.environ.get("HEARTBEAT_FILE") or default)
    role = arguments[0] if arguments else ("worker" if file.exists() else "serve")
    if role not in ("serve", "worker"):
        sys.stderr.write(f"healthcheck: expected serve or worker (got {role!r})\n")
        return 2
    problem = worker_problem(file) if role == "worker" else serve_problem()
    sys.stdout.write(f"{problem or 'healthy'}\n")
    return 1 if problem else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
