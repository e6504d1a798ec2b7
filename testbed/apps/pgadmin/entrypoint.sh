#!/usr/bin/env bash
# Starts pgAdmin as the official image does: what the variables say is loaded at the first start, into
# /var/lib/pgadmin, and stays there.
set -Eeuo pipefail

DATA=/var/lib/pgadmin
export CONFIG_DISTRO_FILE_PATH=${PGADMIN_CUSTOM_CONFIG_DISTRO_FILE:-/pgadmin4/config_distro.py}

die() { printf 'entrypoint: %s\n' "$*" >&2; exit 1; }

# Writes PGADMIN_CONFIG_* into the settings unless they hold something already. With a read-only disk
# nothing can be written, and pgAdmin's own defaults hold.
settings() {
    [ ! -s "$CONFIG_DISTRO_FILE_PATH" ] && [ -w "$CONFIG_DISTRO_FILE_PATH" ] || return 0
    local name
    echo "LOG_FILE = '/dev/null'" >"$CONFIG_DISTRO_FILE_PATH"
    for name in $(compgen -e | grep '^PGADMIN_CONFIG_' || true); do
        echo "${name#PGADMIN_CONFIG_} = ${!name}" >>"$CONFIG_DISTRO_FILE_PATH"
    done
}

password() {
    [ -z "${PGADMIN_DEFAULT_PASSWORD:-}" ] || [ -z "${PGADMIN_DEFAULT_PASSWORD_FILE:-}" ] ||
        die "PGADMIN_DEFAULT_PASSWORD and PGADMIN_DEFAULT_PASSWORD_FILE exclude each other"
    if [ -n "${PGADMIN_DEFAULT_PASSWORD_FILE:-}" ]; then
        PGADMIN_DEFAULT_PASSWORD=$(<"$PGADMIN_DEFAULT_PASSWORD_FILE")
    fi
}

first_start() {
    [ -n "${PGADMIN_DEFAULT_EMAIL:-}" ] && [ -n "${PGADMIN_DEFAULT_PASSWORD:-}" ] ||
        die "PGADMIN_DEFAULT_EMAIL and PGADMIN_DEFAULT_PASSWORD, or its file, are needed"
    PGADMIN_SETUP_EMAIL=$PGADMIN_DEFAULT_EMAIL PGADMIN_SETUP_PASSWORD=$PGADMIN_DEFAULT_PASSWORD \
        python3 /opt/packages/pgadmin4/setup.py setup-db
    local servers=${PGADMIN_SERVER_JSON_FILE:-/pgadmin4/servers.json}
    if [ -f "$servers" ]; then
        python3 /opt/packages/pgadmin4/setup.py load-servers "$servers" \
            --user "$PGADMIN_DEFAULT_EMAIL"
    fi
    if [ -n "${PGPASS_FILE:-}" ]; then
        install -d -m 0700 "$DATA/storage" "$DATA/storage/${PGADMIN_DEFAULT_EMAIL//@/_}"
        install -m 0600 "$PGPASS_FILE" "$DATA/storage/${PGADMIN_DEFAULT_EMAIL//@/_}/.pgpass"
    fi
}

settings
password
[ -f "$DATA/pgadmin4.db" ] || first_start
unset PGADMIN_DEFAULT_PASSWORD
# One process: it keeps the connections of who is logged in.
exec python3 -m gunicorn --workers 1 --threads "${GUNICORN_THREADS:-25}" --timeout 86400 \
    --limit-request-line "${GUNICORN_LIMIT_REQUEST_LINE:-8190}" \
    --bind "${PGADMIN_LISTEN_ADDRESS:-[::]}:${PGADMIN_LISTEN_PORT:-80}" \
    --access-logfile "${GUNICORN_ACCESS_LOGFILE:--}" pgAdmin4:app
