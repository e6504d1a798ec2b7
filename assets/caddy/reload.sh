#!/bin/sh
# Makes a running Caddy take its configuration. One that was started before its unit was changed
# has no admin socket yet and is restarted; one that does not run is left alone.
set -eu
systemctl daemon-reload
systemctl is-active --quiet caddy || exit 0
if [ -S /run/caddy/admin.sock ]; then
	systemctl reload caddy
else
	systemctl restart caddy
fi
