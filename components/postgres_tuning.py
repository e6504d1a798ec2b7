"""What a PostgreSQL image is and is told: version, place of its data, settings for its memory."""

import re

_MAJOR = re.compile(r"[^@]*:(\d{2})(?:[.-][A-Za-z0-9_.-]+)?(?:@.*)?")
_OLDEST = 14


def major_version(image: str) -> int:
    """Return the major version that the tag of an image begins with.

    Raises:
        ValueError: it has no such tag, or the version is too old for what is done with it here.
    """
    found = _MAJOR.fullmatch(image)
    if not found or int(found[1]) < _OLDEST:
        msg = (
            f"postgres: image: the tag must begin with the major version, 14 or later, as in "
            f"postgres:17.6-bookworm (got {image!r})"
        )
        raise ValueError(msg)
    return int(found[1])


def data_path(major: int) -> str:
    """Return where the official image keeps what must outlive the container."""
    return "/var/lib/postgresql" if major >= 18 else "/var/lib/postgresql/data"


def tuning(memory_mib: int, max_connections: int) -> dict[str, str]:
    """Return server parameters for a memory limit: a quarter for shared buffers, SSDs, SCRAM.

    Statements that failed or were slow are logged without the values bound to them, which may be
    personal data or secrets.
    """
    shared = memory_mib // 4
    work_kib = (memory_mib - shared) * 1024 // (max_connections * 3)
    return {
        "listen_addresses": "*",
        "max_connections": str(max_connections),
        "shared_buffers": f"{shared}MB",
        "effective_cache_size": f"{memory_mib * 5 // 8}MB",
        "work_mem": f"{max(1024, min(work_kib, 64 * 1024))}kB",
        "maintenance_work_mem": f"{max(16, min(memory_mib // 16, 1024))}MB",
        "max_wal_size": f"{max(256, min(memory_mib, 4096))}MB",
        "min_wal_size": "80MB",
        "wal_compression": "on",
        "random_page_cost": "1.1",
        "effective_io_concurrency": "200",
        "password_encryption": "scram-sha-256",
        "tcp_keepalives_idle": "60",
        "tcp_keepalives_interval": "10",
        "log_line_prefix": "%m [%p] %q%u@%d %a ",
        "log_min_duration_statement": "500ms",
        "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0",
        "log_checkpoints": "on",
        "log_lock_waits": "on",
        "log_temp_files": "16MB",
    }
