#!/usr/bin/env bash
# Starts PostgreSQL; an empty data directory is initialised first, as the official image does it.
set -Eeuo pipefail

say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }
die() { say "error: $*"; exit 1; }

# from_file NAME [DEFAULT]: sets NAME from NAME_FILE's contents where that is given.
from_file() {
    local name=$1 file_name=$1_FILE value=${2:-}
    if [ -n "${!name:-}" ] && [ -n "${!file_name:-}" ]; then
        die "both $name and $file_name are set, but they exclude each other"
    fi
    if [ -n "${!name:-}" ]; then
        value=${!name}
    elif [ -n "${!file_name:-}" ]; then
        value=$(< "${!file_name}")
    fi
    export "$name=$value"
    unset "$file_name"
}

make_directories() {
    mkdir -p "$PGDATA" /var/run/postgresql
    chmod 0700 "$PGDATA" || :
    if [ "$(id -u)" = 0 ]; then
        find "$PGDATA" \! -user postgres -exec chown postgres '{}' +
        find /var/run/postgresql \! -user postgres -exec chown postgres '{}' +
        chmod 3777 /var/run/postgresql || :
        if [ -n "${POSTGRES_INITDB_WALDIR:-}" ]; then
            install -d -m 0700 -o postgres "$POSTGRES_INITDB_WALDIR"
        fi
    fi
}

check_password() {
    if [ -z "$POSTGRES_PASSWORD" ] && [ "$POSTGRES_HOST_AUTH_METHOD" != trust ]; then
        die "the database is uninitialized and no superuser password is given;" \
            "set POSTGRES_PASSWORD (or POSTGRES_HOST_AUTH_METHOD=trust, without any password)"
    fi
}

initialise() {
    # initdb wants the user to have a name, which one given by `--user` need not have.
    if ! getent passwd "$(id -u)" >/dev/null; then
        local wrapper
        wrapper=$(find /usr/lib -name libnss_wrapper.so | head -n 1)
        NSS_WRAPPER_PASSWD=$(mktemp) NSS_WRAPPER_GROUP=$(mktemp)
        export LD_PRELOAD=$wrapper NSS_WRAPPER_PASSWD NSS_WRAPPER_GROUP
        echo "postgres:x:$(id -u):$(id -g):PostgreSQL:$PGDATA:/bin/false" > "$NSS_WRAPPER_PASSWD"
        echo "postgres:x:$(id -g):" > "$NSS_WRAPPER_GROUP"
    fi
    local -a options=(--username="$POSTGRES_USER")
    [ -z "${POSTGRES_INITDB_WALDIR:-}" ] || options+=(--waldir="$POSTGRES_INITDB_WALDIR")
    # The variable holds options as a shell would read them. Those of the server are not for initdb,
    # which takes none of them before PostgreSQL 16.
    eval 'initdb "${options[@]}" --pwfile=<(printf "%s\n" "$POSTGRES_PASSWORD") '"${POSTGRES_INITDB_ARGS:-}"
    unset LD_PRELOAD NSS_WRAPPER_PASSWD NSS_WRAPPER_GROUP
    printf '\nhost all all all %s\n' "$(host_method "$@")" >> "$PGDATA/pg_hba.conf"
}

host_method() {
    if [ -n "$POSTGRES_HOST_AUTH_METHOD" ]; then
        echo "$POSTGRES_HOST_AUTH_METHOD"
    else
        postgres -C password_encryption "$@"
    fi
}

sql() {
    PGHOST='' PGHOSTADDR='' psql -v ON_ERROR_STOP=1 --no-password --no-psqlrc \
        --username "$POSTGRES_USER" "$@"
}

set_up() {
    # Local only: nobody may find a database that is not finished.
    PGUSER=$POSTGRES_USER pg_ctl -D "$PGDATA" -w start \
        -o "$(printf '%q ' "$@" -c listen_addresses='' -p "${PGPORT:-5432}")"
    if [ "$POSTGRES_DB" != postgres ]; then
        sql --dbname postgres --set db="$POSTGRES_DB" <<< 'CREATE DATABASE :"db";'
    fi
    local file
    for file in /docker-entrypoint-initdb.d/*; do
        case $file in
        *.sh)
            say "running $file"
            # shellcheck source=/dev/null
            if [ -x "$file" ]; then "$file"; else . "$file"; fi
            ;;
        *.sql) say "running $file"; sql --dbname "$POSTGRES_DB" --file "$file" ;;
        *.sql.gz) say "running $file"; gunzip -c "$file" | sql --dbname "$POSTGRES_DB" ;;
        *.sql.xz) say "running $file"; xzcat "$file" | sql --dbname "$POSTGRES_DB" ;;
        *.sql.zst) say "running $file"; zstd -dc "$file" | sql --dbname "$POSTGRES_DB" ;;
        '/docker-entrypoint-initdb.d/*') ;;
        *) say "ignoring $file" ;;
        esac
    done
    PGUSER=$POSTGRES_USER pg_ctl -D "$PGDATA" -m fast -w stop
    unset PGPASSWORD
    say "PostgreSQL init process complete; ready for start up."
}

wants_help() {
    local argument
    for argument; do
        case $argument in
        -'?' | --help | --describe-config | -V | --version) return 0 ;;
        esac
    done
    return 1
}

[ "${1:0:1}" != - ] || set -- postgres "$@"
if [ "${1:-}" = postgres ] && ! wants_help "$@"; then
    from_file POSTGRES_PASSWORD
    from_file POSTGRES_USER postgres
    from_file POSTGRES_DB "$POSTGRES_USER"
    from_file POSTGRES_INITDB_ARGS
    : "${POSTGRES_HOST_AUTH_METHOD:=}"
    make_directories
    if [ "$(id -u)" = 0 ]; then
        exec gosu postgres "${BASH_SOURCE[0]}" "$@"
    fi
    if [ -s "$PGDATA/PG_VERSION" ]; then
        say "PostgreSQL Database directory appears to contain a database; skipping initialization"
    else
        check_password
        initialise "${@:2}"
        export PGPASSWORD=$POSTGRES_PASSWORD
        set_up "${@:2}"
    fi
fi
exec "$@"
