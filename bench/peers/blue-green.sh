#!/bin/sh
# A deploy by hand: the new container beside the old one, the proxy's new configuration, the old one
# stopped. Prints how long it took from the container's start until it was healthy three times.
set -eu
image=$1
old=$(cat /srv/live 2>/dev/null || echo 8002)
new=$((16003 - old))
began=$(date +%s.%N)
docker run --detach --name "web-$new" --memory 256m --read-only --tmpfs /tmp --cap-drop ALL \
    --env-file /srv/environment --publish "127.0.0.1:$new:8000" "$image" >/dev/null
healthy=0
while [ $healthy -lt 3 ]; do
    if wget -q -T 2 -t 1 -O /dev/null "http://127.0.0.1:$new/livez"; then
        healthy=$((healthy + 1))
    else
        healthy=0
    fi
    sleep 0.05
done
ended=$(date +%s.%N)
sed "s/PORT/$new/" /srv/Caddyfile >/etc/caddy/Caddyfile
systemctl reload-or-restart caddy
echo "$new" >/srv/live
if docker inspect "web-$old" >/dev/null 2>&1; then
    docker stop --time 30 "web-$old" >/dev/null
    docker rm "web-$old" >/dev/null
fi
echo "$began $ended"
