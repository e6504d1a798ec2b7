"""What is called how: roles in the database, paths of the site, variables that the program sets."""

ANON, AUTHENTICATED, SERVICE = "anon", "authenticated", "service_role"
"""The roles that a request may have; the last sees and changes everything."""
DATABASE = "command_center"
BUCKET = "smoke"
"""The bucket of the smoke test."""
OBJECTS_KEY = "command-center"
"""The id of the key to the objects."""
OBJECTS_FIGURES_PORT = 9102
"""Where the S3 gateway tells its figures, to Prometheus alone."""
SMTP_PORT = 2525
GRAFANA_PORT = 3000
"""Where Grafana listens in its container."""
PORTS = {
    "rest": 3000,
    "grafana": 3001,
    "realtime": 4000,
    "mail": 5000,
    "pgadmin": 5050,
    "objects": 8333,
    "prometheus": 9090,
    "alertmanager": 9093,
    "logs": 9428,
    "auth": 9999,
}
"""Where the proxy finds each on the loopback, whichever release serves; the usual ones."""
RESERVED = {
    "DATABASE_URL": "leave it to the program",
    "API_EXTERNAL_URL": "set domain",
    "GOTRUE_SITE_URL": "set domain",
    "GOTRUE_URI_ALLOW_LIST": "set auth.redirects_to",
    "GOTRUE_JWT_EXP": "set auth.token_seconds",
    "GOTRUE_SMTP_HOST": "leave it to the program",
    "GOTRUE_SMTP_PORT": "leave it to the program",
    "GOTRUE_SMTP_ADMIN_EMAIL": "set mail.sender",
    "PGRST_DB_URI": "leave it to the program",
    "PGRST_DB_ANON_ROLE": "leave it to the program",
    "PGRST_DB_SCHEMAS": "leave it to the program",
    "PGRST_OPENAPI_SERVER_PROXY_URI": "set domain",
    "SMTP_PORT": "leave it to the program",
    "DATA_FOLDER": "leave it to the program",
    "S3_ACCESS_KEY": "leave it to the program",
    "METRICS_PORT": "leave it to the program",
}
"""What only the program sets, and which key to set instead."""
