#!/bin/sh
# Makes a running proxy take its configuration without losing a request. Where it does not run,
# nobody stands in for it either.
set -eu
systemctl daemon-reload
if systemctl is-active --quiet "$1"; then
	systemctl reload "$1"
else
	systemctl stop homeport-return.service 'homeport-standin@*.service'
	nft delete table inet homeport_proxy 2>/dev/null || true
fi
