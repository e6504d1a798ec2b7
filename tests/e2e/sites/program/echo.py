"""Says what it was asked, and is slow, silent or streaming where the sample app cannot be."""

import http.server
import json
import threading

GO = threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        name = self.path.partition("?")[0].rpartition("/")[2]
        getattr(self, f"say_{name}", self.say)()

    do_POST = do_GET  # noqa: N815 - the name that the library looks for

    def start(self, length: int | None, kind: str = "application/json") -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        if length is None:
            self.send_header("Connection", "close")
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(length))
        self.send_header("X-Frame-Options", "DENY")
        self.send_header("Content-Security-Policy", "default-src *")
        self.end_headers()

    def say(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        seen = {"path": self.path, "headers": [[k.lower(), v] for k, v in self.headers.items()]}
        body = json.dumps(seen).encode()
        self.start(len(body))
        self.wfile.write(body)

    def say_events(self) -> None:
        """Send one event, and the second when somebody has asked for /go."""
        GO.clear()
        self.start(None, "text/event-stream")
        for number in (1, 2):
            self.wfile.write(f"data: {number}\n\n".encode())
            self.wfile.flush()
            GO.wait(30)

    def say_allowed(self) -> None:
        """Say which names may have a certificate: those of welcome visitors."""
        name = self.path.partition("?domain=")[2]
        self.send_response(200 if name.startswith("welcome") else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def say_go(self) -> None:
        GO.set()
        self.say()

    def say_never(self) -> None:
        """Begin no answer."""
        threading.Event().wait(20)

    def say_silent(self) -> None:
        """Begin an answer and fall silent."""
        self.start(1_000_000)
        self.wfile.write(b"x" * 100_000)
        self.wfile.flush()
        threading.Event().wait(20)


http.server.ThreadingHTTPServer(("127.0.0.1", 9999), Handler).serve_forever()
