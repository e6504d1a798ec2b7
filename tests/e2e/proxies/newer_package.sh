#!/bin/sh
# Offers the host a newer version of a package that it has: the same content, one number higher.
set -eu
package=$1
folder=/srv/newer
mkdir -p "$folder"
cd "$folder"
chmod 0755 .
# The archive's own, fetched once: what was offered before is no source for it.
if [ ! -e original.deb ]; then
	(apt-get -qq update && apt-get -qq download "$package") >/dev/null
	mv ./*.deb original.deb
fi
dpkg-deb -R original.deb content
version=$(dpkg-query -W -f '${Version}' "$package")+1
sed -i "s/^Version: .*/Version: $version/" content/DEBIAN/control
dpkg-deb -Znone -b content package.deb >/dev/null
{
	cat content/DEBIAN/control
	echo "Filename: ./package.deb"
	echo "Size: $(stat -c %s package.deb)"
	echo "SHA256: $(sha256sum package.deb | cut -d ' ' -f 1)"
} >Packages
rm -r content
echo "deb [trusted=yes] file:$folder ./" >/etc/apt/sources.list.d/newer.list
echo "$version"
