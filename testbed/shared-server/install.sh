#!/bin/sh
# Makes a server somebody else's: nginx with two sites, and containers, among them a signing app that must not be harmed.
# Runs as root on the server's console; REGISTRY_PASSWORD is on standard input. May run again.
set -eu
read -r password
export DEBIAN_FRONTEND=noninteractive

printf 'Port 22022\n' >/etc/ssh/sshd_config.d/20-owner.conf
systemctl restart ssh
apt-get update -q
apt-get install -y -q --no-install-recommends \
	nginx-light docker.io iptables curl openssl sudo

# Two sites with certificates of their own.
mkdir -p /etc/ssl/owner /var/www/shop
echo '<h1>A shop</h1>' >/var/www/shop/index.html
for site in shop sign; do
	certificate=/etc/ssl/owner/$site
	[ -e "$certificate.pem" ] || openssl req -x509 -newkey rsa:2048 -nodes -days 90 -subj "/CN=$site.example.org" \
		-keyout "$certificate.key" -out "$certificate.pem" 2>/dev/null
	case $site in
	shop) serves='root /var/www/shop;' ;;
	sign) serves='location / { proxy_pass http://127.0.0.1:7300; }' ;;
	esac
	cat >/etc/nginx/sites-available/$site <<END
server {
	listen 80;
	listen 443 ssl;
	server_name $site.example.org;
	ssl_certificate $certificate.pem;
	ssl_certificate_key $certificate.key;
	$serves
}
END
	ln -sf ../sites-available/$site /etc/nginx/sites-enabled/$site
done
systemctl enable -q nginx
systemctl restart nginx

# The signing app, with a Postgres of its own and the certificate that it signs with.
printf '%s' "$password" | docker login -u homeport --password-stdin registry.example.com >/dev/null 2>&1
mkdir -p /srv/signing
cd /srv/signing
[ -e cert.pem ] || openssl req -x509 -newkey rsa:2048 -nodes -days 90 -subj /CN=signing \
	-keyout key.pem -out cert.pem 2>/dev/null
chmod 644 ./*.pem
[ -e .env ] || printf 'API_KEY=%s\nPOSTGRES_PASSWORD=%s\n' "$(openssl rand -hex 16)" "$(openssl rand -hex 16)" >.env
chmod 600 .env
# shellcheck source=/dev/null
. ./.env
docker network inspect signing >/dev/null 2>&1 || docker network create signing >/dev/null
there() { docker container inspect "$1" >/dev/null 2>&1; }
there signing-db || docker run -d --name signing-db --network signing --restart unless-stopped \
	-e POSTGRES_USER=signer -e POSTGRES_DB=signing -e POSTGRES_PASSWORD="$POSTGRES_PASSWORD" \
	-v signing-db-data:/var/lib/postgresql/data postgres:15
there signing-app || docker run -d --name signing-app --network signing --restart unless-stopped \
	-e DATABASE_URL="postgresql://signer:$POSTGRES_PASSWORD@signing-db:5432/signing" -e API_KEY="$API_KEY" \
	-e CERTIFICATE_FILE=/certificate/cert.pem -v /srv/signing:/certificate:ro -v signing-data:/data \
	-p 127.0.0.1:7300:3000 registry.example.com/homeport/signer:1.13.1
there shop-counter || docker run -d --name shop-counter --restart unless-stopped busybox:1.37 sleep 1000000

tries=0
until curl -sf http://127.0.0.1:7300/api/health >/dev/null; do
	tries=$((tries + 1))
	[ "$tries" -lt 120 ] || { docker logs signing-app >&2; exit 1; }
	sleep 1
done
sign() { curl -sSf -o /dev/null -H "Authorization: Bearer $API_KEY" "$@"; }
if ! curl -sf -H "Authorization: Bearer $API_KEY" http://127.0.0.1:7300/api/v1/documents | grep -q lease; then
	sign -d '{"title": "lease", "content": "YWJj"}' http://127.0.0.1:7300/api/v1/documents
	sign -d '{"signer": "Anna"}' http://127.0.0.1:7300/api/v1/documents/1/sign
fi
