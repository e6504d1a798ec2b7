"""Storage boxes: SFTP accounts in one container, each shut into a folder of its own."""

import shlex
import socket
import time

from homeport.cloud import docker
from homeport.cloud.contract import MachineryError
from homeport.cloud.instance import LABEL, Cloud
from homeport.cloud.records import BoxRecord
from homeport.cloud.templates import render

START_SECONDS = 30.0


class Boxes:
    """The SFTP server of one cloud; it runs once there is a box."""

    def __init__(self, cloud: Cloud, image: str) -> None:
        self._cloud = cloud
        self._image = image
        self._container = cloud.named("boxes")

    def apply(self, boxes: list[BoxRecord]) -> None:
        """Serve exactly these accounts; files of those that stay are kept."""
        folder = self._cloud.folder / "boxes"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / "sshd_config").write_text(render("sshd_config"))
        lines = [f"{b.username} {b.uid} {shlex.quote(b.password_hash)}" for b in boxes]
        accounts = folder / "accounts"
        accounts.touch(mode=0o600)
        accounts.write_text("".join(f"{line}\n" for line in lines))
        for box in boxes:
            (folder / f"{box.username}.keys").write_text("".join(f"{k}\n" for k in box.ssh_keys))
        (folder / "serve").write_text(render("boxes.sh"))
        self._start()
        docker.run("exec", self._container, "sh", "/cloud/serve", "accounts")
        self._await()

    def _start(self) -> None:
        found = docker.inspect("container", self._container)
        if found is None:
            docker.run(
                *("create", "--name", self._container, "--hostname", "boxes", "--init"),
                *docker.labels({LABEL: self._cloud.key}),
                *("--network", self._cloud.named("public"), "--ip", self._cloud.own_address(6)),
                *("--volume", f"{self._cloud.folder / 'boxes'}:/cloud"),
                *("--volume", f"{self._volume()}:/boxes"),
                *(self._image, "sh", "/cloud/serve"),
            )
        if found is None or not found["State"]["Running"]:
            docker.run("start", self._container)

    def _await(self) -> None:
        """Return once the server accepts connections."""
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection((self._cloud.own_address(6), 22), 1).close()
            except OSError as error:
                if time.monotonic() > end:
                    msg = f"the SFTP server does not answer; see `docker logs {self._container}`"
                    raise MachineryError(msg) from error
                time.sleep(0.1)
            else:
                return

    def _volume(self) -> str:
        name = self._cloud.named("boxes")
        docker.run("volume", "create", *docker.labels({LABEL: self._cloud.key}), name)
        return name
