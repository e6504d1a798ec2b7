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
worker_tmp_dir = "/dev/shm"  # noqa: S108 - a heartbeat file, which must not wait for a disk
control_socket_disable = True
