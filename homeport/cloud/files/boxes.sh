#!/bin/sh
# serve: serves SFTP; serve accounts: sets the accounts up as the file says. Never both at a time.
set -eu
if [ $# -eq 0 ]; then
    for type in ed25519 rsa; do
        key=/cloud/ssh_host_${type}_key
        [ -e $key ] || ssh-keygen -q -N '' -t $type -f $key
        chmod 0600 $key
    done
    mkdir -p /run/sshd
    exec /usr/sbin/sshd -D -e -f /cloud/sshd_config
fi
while read -r name uid hash; do
    if ! id "$name" >/dev/null 2>&1; then
        useradd --uid "$uid" --home-dir "/boxes/$name" --no-create-home --shell /usr/sbin/nologin "$name"
    fi
    eval "hash=$hash"
    printf '%s:%s\n' "$name" "$hash" | chpasswd --encrypted
    # The root of a chroot belongs to root; what is inside belongs to the account.
    install -d -m 0755 -o root -g root "/boxes/$name"
    install -d -m 0700 -o "$name" -g "$name" "/boxes/$name/home"
    # Keys may be managed by the account itself, in its .ssh folder, as on the vendor's boxes.
    install -d -m 0700 -o "$name" -g "$name" "/boxes/$name/home/.ssh"
    keys="/boxes/$name/home/.ssh/authorized_keys"
    [ -e "$keys" ] || install -m 0600 -o "$name" -g "$name" "/cloud/$name.keys" "$keys"
done < /cloud/accounts
for folder in /boxes/*/; do
    name=$(basename "$folder")
    if [ "$name" != '*' ] && ! grep -q "^$name " /cloud/accounts; then
        userdel "$name" 2>/dev/null || true
        rm -rf "$folder"
    fi
done
