"""What Prometheus and Alertmanager are told: pure functions to files and command lines."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from . import names, queries

PROMETHEUS, ALERTS = "PROMETHEUS_YML", "ALERTS_YML"
ALERTMANAGER, BLACKBOX = "ALERTMANAGER_YML", "BLACKBOX_YML"
"""The files, as they are called where an app's own files lie."""
FOLDER = "/run/secrets"
KEPT = "/tmp"  # noqa: S108 - the container's own
"""Where figures and silences are kept: the one folder that every image lets everybody write to."""
SERVICES = ("auth", "rest", "realtime", "mail")
TARGETS: Mapping[str, str] = {
    **{name: f"{name}:8000" for name in SERVICES},
    "objects": f"objects:{names.OBJECTS_FIGURES_PORT}",
    "postgres": "postgres-exporter:9187",
    "node": "node-exporter:9100",
    "alertmanager": "alertmanager:9093",
    "logs": f"logs:{names.PORTS['logs']}",
}
"""Where each tells its figures, by the name of the job."""
PREFIXES = {"alertmanager": "/alertmanager", "prometheus": "/prometheus", "logs": "/logs"}
"""Below which path of the site each is served, and serves."""
PROMETHEUS_AT = "prometheus:9090"
"""Where others find Prometheus."""


def prometheus(domain: str, *, grafana: bool = False) -> str:
    """Return Prometheus's settings; Grafana is watched where there is one."""
    targets = {**TARGETS, **({"grafana": f"grafana:{names.GRAFANA_PORT}"} if grafana else {})}
    jobs = [_job(name, target) for name, target in targets.items()]
    return _text(
        {
            "global": {
                "scrape_interval": "15s",
                "evaluation_interval": "15s",
                "external_labels": {"site": domain},
            },
            "rule_files": [f"{FOLDER}/{ALERTS}"],
            "alerting": {
                "alertmanagers": [
                    {
                        "path_prefix": PREFIXES["alertmanager"],
                        "static_configs": [{"targets": [TARGETS["alertmanager"]]}],
                    }
                ]
            },
            "scrape_configs": [*jobs, _job("prometheus", "localhost:9090"), _probe(domain)],
        }
    )


def alertmanager(sender: str, alerts_to: str) -> str:
    """Return Alertmanager's settings: all goes to one address, by the platform's own mail."""
    return _text(
        {
            "global": {
                "smtp_smarthost": f"mail:{names.SMTP_PORT}",
                "smtp_from": sender,
                "smtp_require_tls": False,
            },
            "route": {
                "receiver": "operator",
                "group_by": ["alertname"],
                "group_wait": "10s",
                "repeat_interval": "4h",
            },
            "receivers": [{"name": "operator", "email_configs": [{"to": alerts_to}]}],
        }
    )


def alerts() -> str:
    """Return when somebody is told."""
    rules = [
        _alert("PostgreSQLDown", "pg_up == 0 or absent(pg_up)", "1m", "the database is down"),
        _alert("ServiceDown", "up == 0", "1m", "{{ $labels.job }} does not answer"),
        _alert(
            "APILatency",
            f"{queries.API_P95_SECONDS} > 1",
            "5m",
            "one request of twenty to the API takes longer than a second",
        ),
        _alert(
            "RLSViolation",
            f"{queries.ROWS_REFUSED} > 10",
            "0m",
            "row security refused more than ten rows in five minutes",
        ),
        _alert(
            "CPU",
            f"{queries.CPU_BUSY} > 0.9",
            "10m",
            "the processors are busy",
        ),
        _alert(
            "Memory", f"{queries.MEMORY_FREE} < 0.1", "10m", "less than a tenth of memory is free"
        ),
        _alert(
            "Disk", f"{queries.DISK_FREE} < 0.15", "10m", "less than a seventh of the disk is free"
        ),
        _alert("SiteDown", "probe_success == 0", "2m", "the site does not answer from outside"),
        _alert(
            "CertificateExpiry",
            f"{queries.CERTIFICATE_SECONDS} < 14 * 86400",
            "1h",
            "the certificate ends in less than two weeks, and was not renewed",
        ),
    ]
    return _text({"groups": [{"name": "platform", "rules": rules}]})


def blackbox() -> str:
    """Return how the site is asked; who has signed its certificate is the smoke test's affair."""
    http = {"preferred_ip_protocol": "ip4", "tls_config": {"insecure_skip_verify": True}}
    return _text({"modules": {"site": {"prober": "http", "timeout": "5s", "http": http}}})


def prometheus_command(domain: str, storage_mib: int) -> list[str]:
    """Return Prometheus's command line."""
    prefix = PREFIXES["prometheus"]
    return [
        f"--config.file={FOLDER}/{PROMETHEUS}",
        f"--storage.tsdb.path={KEPT}/figures",
        "--storage.tsdb.retention.time=15d",
        f"--storage.tsdb.retention.size={storage_mib * 3 // 4}MB",
        f"--web.external-url=https://{domain}{prefix}",
        f"--web.route-prefix={prefix}",
    ]


def alertmanager_command(domain: str) -> list[str]:
    """Return Alertmanager's command line; it is alone, and so needs no port to others."""
    prefix = PREFIXES["alertmanager"]
    return [
        f"--config.file={FOLDER}/{ALERTMANAGER}",
        f"--storage.path={KEPT}/silences",
        "--cluster.listen-address=",
        f"--web.external-url=https://{domain}{prefix}",
        f"--web.route-prefix={prefix}",
    ]


def _job(name: str, target: str) -> dict[str, Any]:
    path = f"{PREFIXES.get(name, '')}/metrics"
    return {
        "job_name": name,
        "metrics_path": path,
        "static_configs": [{"targets": [target]}],
    }


def _probe(domain: str) -> dict[str, Any]:
    return {
        "job_name": "site",
        "metrics_path": "/probe",
        "params": {"module": ["site"], "target": [f"https://{domain}/"]},
        "static_configs": [{"targets": ["blackbox-exporter:9115"]}],
    }


def _alert(name: str, expression: str, after: str, summary: str) -> dict[str, Any]:
    return {"alert": name, "expr": expression, "for": after, "annotations": {"summary": summary}}


def _text(value: Mapping[str, Any] | Sequence[Any]) -> str:
    return yaml.safe_dump(value, sort_keys=False, width=1000)
