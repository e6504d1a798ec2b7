#!/bin/sh
# Writes what differs between machines and not between sites, for every start and every change of
# nginx: whether there is IPv6, which name servers there are, what this version knows.
set -eu
folder=/run/homeport-nginx
mkdir -p "$folder"
# nginx may start, and its sites change, at the same moment.
exec 9>"$folder.lock"
flock 9

put() {
	cat >"$folder/.$1.new"
	mv "$folder/.$1.new" "$folder/$1"
}

listen() {
	echo "listen $1;"
	# An address can be bound even where IPv6 is switched off; without its protocol it cannot.
	if [ -e /proc/net/if_inet6 ]; then echo "listen [::]:$1;"; fi
}

version=$(dpkg-query --show --showformat='${Version}' nginx)
if dpkg --compare-versions "$version" ge 1.25.1; then
	{
		listen '443 ssl'
		echo 'http2 on;'
	} | put https.conf
else
	listen '443 ssl http2' | put https.conf
fi
# A kept connection is announced to end after this time, so that a process that nobody new comes to
# can be ended soon.
if dpkg --compare-versions "$version" ge 1.19.10; then echo 'keepalive_time 30s;'; fi | put keep.conf
listen 80 | put http.conf
awk '
	$1 == "nameserver" && $2 !~ /%/ { found = found " " ($2 ~ /:/ ? "[" $2 "]" : $2) }
	END { if (found) print "resolver" found " valid=30s;" }
' /etc/resolv.conf | put resolver.conf
