"""Volumes: sparse files with a loop device each, which servers see under the vendor's name."""

from pathlib import Path

from homeport.cloud import docker
from homeport.cloud.contract import MachineryError
from homeport.cloud.instance import Cloud
from homeport.cloud.records import VolumeRecord
from homeport.cloud.servers import Servers
from homeport.cloud.warden import Warden

TOOL = "/usr/local/lib/testbed/volume"
"""Makes and removes a device's node in a server."""

MAKERS = {"ext4": ["mkfs.ext4", "-q", "-F"], "xfs": ["mkfs.xfs", "-q", "-f"]}
"""File systems that a volume may be made with."""

_HIDE = """\
findmnt -rno TARGET -S "$1" | xargs -r umount --lazy
sed -i "/HC_Volume_$2/d" /etc/fstab
"""

_MOUNT = """\
mkdir -p "$1"
grep -qF "$1 " /etc/fstab || echo "$2" >> /etc/fstab
mountpoint -q "$1" || mount "$1"
"""

_CLOSE_ALL = """\
losetup -ln -O NAME,BACK-FILE | while read -r device file; do
    case $file in
    "$1"/*) losetup -d "$device" ;;
    esac
done
"""


class Volumes:
    """The block devices of one cloud."""

    def __init__(self, cloud: Cloud, warden: Warden, servers: Servers) -> None:
        self._folder = cloud.folder / "volumes"
        self._warden = warden
        self._servers = servers

    def create(self, volume_id: int, size_gib: int, filesystem: str | None) -> str:
        """Make the file and its device; return the device."""
        if filesystem is not None and filesystem not in MAKERS:
            known = ", ".join(MAKERS)
            msg = f"a volume has no file system {filesystem!r}; there are {known}"
            raise MachineryError(msg)
        fresh = not self._file(volume_id).exists()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._warden.run("truncate", "--size", f"{size_gib}G", str(self._file(volume_id)))
        device = self.open(volume_id)
        if filesystem and fresh:
            self._warden.run(*MAKERS[filesystem], device)
        return device

    def open(self, volume_id: int) -> str:
        """Return the volume's device, which is made when the machine has lost it."""
        file = str(self._file(volume_id))
        listed = self._warden.run(
            "losetup", "--associated", file, "--noheadings", "--output", "NAME"
        )
        return (
            listed.split()[0] if listed else self._warden.run("losetup", "--find", "--show", file)
        )

    def resize(self, volume_id: int, size_gib: int) -> None:
        """Grow the file and tell its device; the file system is the user's affair."""
        self._warden.run("truncate", "--size", f"{size_gib}G", str(self._file(volume_id)))
        self._warden.run("losetup", "--set-capacity", self.open(volume_id))

    def delete(self, volume_id: int) -> None:
        """Remove device and file; what is gone already is no error."""
        self.close(volume_id)
        self._warden.run("rm", "--force", str(self._file(volume_id)))

    def close(self, volume_id: int) -> None:
        """Take the device away and keep the file."""
        if self._file(volume_id).exists():
            self._warden.run("losetup", "--detach", self.open(volume_id))

    def show(self, volume_id: int, server_id: int, *, automount: bool) -> str:
        """Show the device to a running server; mount it there for good when asked."""
        device = self.open(volume_id)
        name = f"scsi-0HC_Volume_{volume_id}"
        path = f"/dev/disk/by-id/{name}"
        self._servers.execute(server_id, TOOL, "add", name, device.removeprefix("/dev/loop"))
        if automount:
            self._mount(volume_id, server_id, path)
        return path

    def hide(self, volume_id: int, server_id: int, record: VolumeRecord) -> None:
        """Take the device from a server; a file system that is still in use is unmounted lazily."""
        if not self._servers.running(server_id):
            return
        self._servers.execute(server_id, "sh", "-c", _HIDE, "hide", record.device, str(volume_id))
        minor = record.device.removeprefix("/dev/loop")
        self._servers.execute(server_id, TOOL, "remove", f"scsi-0HC_Volume_{volume_id}", minor)

    def _mount(self, volume_id: int, server_id: int, path: str) -> None:
        place = f"/mnt/HC_Volume_{volume_id}"
        line = f"{path} {place} auto discard,nofail,defaults 0 0"
        self._servers.execute(server_id, "sh", "-ec", _MOUNT, "mount", place, line)

    def _file(self, volume_id: int) -> Path:
        return self._folder / f"{volume_id}.img"


def close_all(cloud: Cloud) -> None:
    """Take away all loop devices of an instance whose warden still runs."""
    if docker.succeeds("exec", cloud.named("warden"), "true"):
        Warden(cloud).run("sh", "-ec", _CLOSE_ALL, "close", str(cloud.folder / "volumes"))
