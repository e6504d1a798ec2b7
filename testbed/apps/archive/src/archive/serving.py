"""How gunicorn serves: `gunicorn --config python:archive.serving archive.wsgi`."""

import os

bind = f"{os.environ.get('HOST', '0.0.0.0')}:{os.environ.get('PORT', '8000')}"  # noqa: S104
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
worker_class = "gthread"
threads = 4
timeout = 60
graceful_timeout = 25
# The proxy in front ends TLS and replaces what a client claims; nobody else reaches the port.
forwarded_allow_ips = "*"
worker_tmp_dir = "/tmp"  # noqa: S108 - in memory where the app runs; holds a heartbeat file
control_socket_disable = True
