"""What Prometheus is asked for: figures that alerts and dashboards share, in PromQL."""

API_P95_SECONDS = (
    "histogram_quantile(0.95, sum by (le) "
    '(rate(http_request_duration_seconds_bucket{service="rest"}[5m])))'
)
"""Of twenty requests to the API, nineteen are answered in this time."""
CPU_BUSY = '1 - avg(rate(node_cpu_seconds_total{mode="idle"}[5m]))'
"""Which part of the processors works."""
MEMORY_FREE = "node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes"
"""Which part of memory is free."""
_DISK = 'node_filesystem_{0}_bytes{{mountpoint="/etc/hostname"}}'
DISK_FREE = f"{_DISK.format('avail')} / {_DISK.format('size')}"
"""Which part of the disk is free where Docker keeps everything: the exporter, a container itself,
sees of the server's disk the files that Docker mounts into it, and nothing at /."""
ROWS_REFUSED = "increase(row_security_violations_total[5m])"
"""How many rows row security has refused in five minutes."""
CERTIFICATE_SECONDS = "probe_ssl_earliest_cert_expiry - time()"
"""How long the certificate goes on."""


def answers(which: str, *, by: str) -> str:
    """Return how many requests of `which` labels the services answer in a second, by a label."""
    return f"sum by ({by}) (rate(http_requests_total{{{which}}}[5m]))"
