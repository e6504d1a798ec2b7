"""Load balancers: a real proxy process each, in a container that has the public address."""

import ipaddress
import shutil

from homeport.cloud import docker
from homeport.cloud.contract import LoadBalancerService
from homeport.cloud.instance import LABEL, Cloud
from homeport.cloud.templates import render


class Balancers:
    """The proxies of one cloud."""

    def __init__(self, cloud: Cloud, image: str) -> None:
        self._cloud = cloud
        self._image = image

    def apply(
        self,
        balancer_id: int,
        address: ipaddress.IPv4Address,
        services: tuple[LoadBalancerService, ...],
        targets: tuple[ipaddress.IPv4Address, ...],
    ) -> None:
        """Run a proxy with exactly these services and targets; connections outlive a change."""
        container = self._cloud.named(f"balancer-{balancer_id}")
        folder = self._cloud.folder / "balancers" / str(balancer_id)
        folder.mkdir(parents=True, exist_ok=True)
        text = render("haproxy.cfg.j2", services=services, targets=targets)
        file = folder / "haproxy.cfg"
        unchanged = file.exists() and file.read_text() == text
        file.write_text(text)
        found = docker.inspect("container", container)
        if found and found["Config"]["Labels"].get(f"{LABEL}.address") != str(address):
            docker.remove_container(container)
            found = None
        if found is None:
            self._create(container, address)
        if found is None or not found["State"]["Running"]:
            docker.run("start", container)
        elif not unchanged:
            docker.run("exec", container, "haproxy", "-c", "-q", "-f", "/cloud/haproxy.cfg")
            docker.run("kill", "--signal", "USR2", container)

    def _create(self, container: str, address: ipaddress.IPv4Address) -> None:
        labels = {LABEL: self._cloud.key, f"{LABEL}.address": str(address)}
        folder = self._cloud.folder / "balancers" / container.rsplit("-", 1)[1]
        docker.run(
            *("create", "--name", container, *docker.labels(labels)),
            *("--network", self._cloud.named("public"), "--ip", str(address)),
            *("--volume", f"{folder}:/cloud:ro", self._image),
            *("haproxy", "-W", "-db", "-f", "/cloud/haproxy.cfg"),
        )

    def remove(self, balancer_id: int) -> None:
        """Stop a proxy; one that is gone is no error."""
        docker.remove_container(self._cloud.named(f"balancer-{balancer_id}"))
        shutil.rmtree(self._cloud.folder / "balancers" / str(balancer_id), ignore_errors=True)
