#!/bin/sh
# Has nft refuse whoever calls it and write down who that was. Podman's own networks are its affair:
# they are made in a namespace of the account.
set -eu
dpkg-divert --local --rename --divert /usr/sbin/nft.theirs --add /usr/sbin/nft
cat >/usr/sbin/nft <<'END'
#!/bin/sh
caller=$(tr '\0' ' ' <"/proc/$PPID/cmdline")
case $caller in *netavark*) exec /usr/sbin/nft.theirs "$@" ;; esac
echo "$caller called nft $*" >>/var/log/nft-calls
echo "this host's owner wants no rules" >&2
exit 1
END
chmod 755 /usr/sbin/nft
touch /var/log/nft-calls
