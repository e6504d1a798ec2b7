#!/bin/sh
# Offers the host a newer version of a package that it has: the same content, one number higher.
set -eu
package=$1
folder=/srv/newer
# What an earlier offer made is no source for this one.
rm -rf "$folder" /etc/apt/sources.list.d/newer.list
mkdir -p "$folder"
cd "$folder"
chmod 0755 .
(apt-get -qq update && apt-get -qq download "$package") >/dev/null
dpkg-deb -R ./*.deb content
rm ./*.deb
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
