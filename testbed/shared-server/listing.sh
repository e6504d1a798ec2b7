#!/bin/sh
# Prints everything of the owner's that could have been harmed: files with hash, mode, owner and time, containers with id,
# start and restarts, volumes' content, rows, nginx's start. Two equal listings mean that nothing was, and nobody restarted.
set -eu
for path in /etc/nginx/nginx.conf /etc/nginx/sites-available /etc/nginx/sites-enabled/shop /etc/nginx/sites-enabled/sign \
	/etc/ssl/owner /var/www/shop /srv/signing /etc/ssh/sshd_config /etc/ssh/sshd_config.d/20-owner.conf /root/.docker; do
	find "$path" -exec stat -c '%n %F %a %U %G %Y %N' {} +
	find "$path" -type f -exec sha256sum {} +
done | sort
for name in signing-app signing-db shop-counter; do
	docker inspect -f '{{.Name}} {{.Id}} {{.Image}} {{.State.StartedAt}} {{.RestartCount}} {{json .HostConfig.Binds}}' "$name"
done
docker network inspect -f '{{.Name}} {{.Id}} {{.Created}}' signing
docker volume inspect -f 'volume {{.Name}} {{.CreatedAt}}' signing-data signing-db-data
data=$(tar -C /var/lib/docker/volumes/signing-data/_data --sort=name -c . | sha256sum)
rows=$(docker exec -u postgres signing-db pg_dump -U signer signing | grep -v '^.\(un\)\?restrict ' | sha256sum)
printf 'signing-data %s\nsigning-rows %s\n' "$data" "$rows"
systemctl show -p ExecMainStartTimestamp nginx.service
for site in shop sign; do
	path=/
	[ "$site" = shop ] || path=/api/health
	printf '%s ' "$site"
	curl -sk --resolve "$site.example.org:443:127.0.0.1" -w ' %{http_code}\n' "https://$site.example.org$path"
done
