# The PostgreSQL of a managed service: TLS only, a role that may make databases and users, and no
# superuser from outside. Debian's package has made the cluster; it lives as long as the container.
set -eu
cluster=/var/lib/postgresql/17/main
postgres="runuser -u postgres -- /usr/lib/postgresql/17/bin/postgres"
settings=/etc/postgresql/17/main/postgresql.conf
for kind in crt:pem key:key; do
    install -o postgres -g postgres -m 0600 "/cloud/authority/tls.${kind#*:}" "$cluster/server.${kind%:*}"
done
echo 'hostssl all all 0.0.0.0/0 scram-sha-256' >$cluster/pg_hba.conf
if [ ! -e /var/lib/postgresql/.made ]; then
    $postgres --single -D $cluster -c config_file=$settings postgres </cloud/postgres/roles.sql >/dev/null
    touch /var/lib/postgresql/.made
fi
rm -f $cluster/postmaster.pid
exec $postgres -D $cluster -c config_file=$settings -c hba_file=$cluster/pg_hba.conf \
    -c listen_addresses='*' -c unix_socket_directories= -c fsync=off \
    -c ssl=on -c ssl_cert_file=server.crt -c ssl_key_file=server.key -c logging_collector=off
