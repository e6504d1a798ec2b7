"""`signer serve` migrates and serves until SIGTERM; `signer healthy` asks the one that serves."""

import http.client
import logging
import os
import signal
import sys
import threading
import time

import psycopg

from signer import settings as environment
from signer.api import Server
from signer.migrations import MigrationError, migrate

_WAIT_SECONDS = 60
_log = logging.getLogger("signer")


def serve() -> int:
    """Migrate, serve until told to stop, and return the exit code."""
    settings = environment.load()
    _log.info("signer %s starts", settings.release)
    try:
        _wait_for_database(settings)
        migrate(settings)
    except (MigrationError, psycopg.Error) as error:
        _log.error("cannot start: %s", error)
        return 1
    if settings.fails_at == "start":
        _log.error("cannot start, as FAIL_AT says")
        return 1
    server = Server(settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    _log.info("listening on %s", settings.port)
    server.serve_forever(poll_interval=0.1)
    return 0


def _wait_for_database(settings: environment.Settings) -> None:
    end = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            psycopg.connect(settings.database_url, connect_timeout=3).close()
        except psycopg.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.5)
        else:
            return


def healthy() -> int:
    """Return 0 when the one that serves here is healthy."""
    connection = http.client.HTTPConnection(
        "127.0.0.1", int(os.environ.get("PORT", "3000")), timeout=4
    )
    try:
        connection.request("GET", "/api/health")
        return 0 if connection.getresponse().status == http.HTTPStatus.OK else 1
    except OSError:
        return 1


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    commands = {"serve": serve, "healthy": healthy}
    command = commands.get(sys.argv[1] if len(sys.argv) == 2 else "serve")
    if command is None:
        sys.exit("usage: signer serve|healthy")
    sys.exit(command())
