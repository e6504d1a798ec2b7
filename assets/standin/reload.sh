#!/bin/sh
# Makes a running proxy take its configuration without losing a request. Where it does not run,
# nobody stands in for it either. The second word is there once it runs as our unit says.
set -eu
systemctl daemon-reload
if ! systemctl is-active --quiet "$1"; then
	systemctl stop homeport-return.service 'homeport-standin@*.service'
	if [ -e /etc/systemd/system/homeport-nft.service ]; then
		nft delete table inet homeport_proxy 2>/dev/null || true
	fi
elif [ -e "$2" ]; then
	systemctl reload "$1"
else
	# Its package has just started it: it has no site that could lose a request.
	systemctl restart "$1"
fi
