#!/bin/sh
# Fails when two stacks on this host name different endpoints for certificates on demand: Caddy has
# room for one, and would silently take the last.
set -eu
named=$(sed -n 's/^[[:space:]]*ask //p' /etc/caddy/homeport.d/*.global | sort -u)
[ "$(printf '%s\n' "$named" | wc -l)" -le 1 ] || {
	echo "sites on this host ask different endpoints about names:" >&2
	echo "$named" >&2
	echo "let the sites of all stacks name the same one in OnDemand" >&2
	exit 1
}
