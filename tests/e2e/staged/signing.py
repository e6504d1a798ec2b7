"""The signing app as somebody else installed it, and everything about it that can be looked at."""

import dataclasses
import json
from typing import Any

from tests.e2e.conftest import Machine, until

INSTALL = """
set -eu
docker network create signing
docker volume create signing-db-data
docker volume create signing-data
mkdir -p /srv/signing
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=signing -keyout /srv/signing/key.pem \
  -out /srv/signing/cert.pem 2>/dev/null
chmod 644 /srv/signing/*.pem
printf 'API_KEY=the-key\\nPOSTGRES_PASSWORD=the-password\\n' >/srv/signing/.env
echo 'services: {app: {image: signer:1.13.1}}' >/srv/signing/compose.yaml
docker run -d --name signing-db --network signing --network-alias db --restart unless-stopped \
  -e POSTGRES_USER=signer -e POSTGRES_PASSWORD=the-password -e POSTGRES_DB=signing \
  -v signing-db-data:/var/lib/postgresql/data docker.io/library/postgres:15
docker run -d --name signing-app --network signing --network-alias sign --restart unless-stopped \
  -e DATABASE_URL=postgresql://signer:the-password@db:5432/signing -e API_KEY=the-key \
  -e CERTIFICATE_FILE=/certificate/cert.pem -v /srv/signing:/certificate:ro \
  -v signing-data:/data -p 127.0.0.1:3900:3000 --label theirs=yes \
  ghcr.io/homeport/signer:1.13.1
"""
UPGRADE = "/opt/homeport/staged-test/upgrades/signer"


@dataclasses.dataclass(frozen=True)
class Signing:
    """The app on its server."""

    machine: Machine

    def install(self) -> None:
        """Install it, and give it documents."""
        self.machine.run(INSTALL, timeout=300)
        until(lambda: self.version() == "1.13.1", 120, "the signing app")
        for title in ("lease", "offer", "würde"):
            self.add(title, "YWJj")
        for document in (1, 3):
            self.api(f"v1/documents/{document}/sign", {"signer": "Anna"})
        self.sql("UPDATE pg_database SET datcollversion = '0.1' WHERE datname = 'signing'")
        self.sql("ALTER DATABASE signing SET statement_timeout = '61s'")

    def add(self, title: str, content: str) -> None:
        self.api("v1/documents", {"title": title, "content": content})

    def api(self, path: str, body: Any = None) -> Any:
        """Ask the API at the port that its users use."""
        data = f"-d '{json.dumps(body)}'" if body else ""
        header = "-H 'Authorization: Bearer the-key'"
        asked = f"curl -sS --fail-with-body {header} {data} http://127.0.0.1:3900/api/{path}"
        return json.loads(self.machine.run(asked))

    def version(self) -> str:
        """The version that answers at the port; empty when none does."""
        done = self.machine.ssh("curl -sf http://127.0.0.1:3900/api/health")
        return str(json.loads(done.stdout)["version"]) if done.returncode == 0 else ""

    def documents(self) -> Any:
        return self.api("v1/documents")["documents"]

    def sql(self, query: str) -> str:
        psql = "docker exec -i -u postgres signing-db psql -XAtq -U signer -d signing -c"
        return self.machine.run(f'{psql} "{query}"')

    def collation(self) -> str:
        return self.sql("SELECT datcollversion FROM pg_database WHERE datname = 'signing'")

    def as_it_is(self) -> dict[str, str]:
        """Everything of the app that an upgrade could have changed, its start time apart."""
        dump = "docker exec -u postgres signing-db pg_dump -C -U signer signing"
        volume = "/var/lib/docker/volumes/signing-data/_data"
        config = "{{.Id}} {{.Name}} {{.Image}} {{json .Config}} {{json .HostConfig}}"
        looks = {
            "dump": f"{dump} | grep -v '^.\\(un\\)\\?restrict ' | sha256sum",
            "volume": f"tar -C {volume} --sort=name -c . | sha256sum",
            "containers": f"docker inspect -f '{config}' signing-app signing-db",
            "names": "docker ps -a --format '{{.Names}} {{.State}}' | sort",
            "volumes": "docker volume ls -q | sort",
            "networks": "docker network ls --format '{{.Name}}' | sort",
            "databases": "docker exec -u postgres signing-db psql -U signer -XAtqc "
            "'SELECT oid, datname, datcollversion FROM pg_database ORDER BY oid' signing",
            "files": "find /srv/signing -type f | sort | xargs sha256sum",
        }
        return {name: self.machine.run(command) for name, command in looks.items()}

    def started(self) -> str:
        return self.machine.run("docker inspect -f '{{.State.StartedAt}}' signing-app signing-db")

    def cut_off_while_saving(self) -> None:
        """Leave the app as a run does that dies when the database is renamed and not copied yet."""
        about = {
            "phase": "saving",
            "version": "1.13.1",
            "target": "2.11.0",
            "old": self.machine.run("docker inspect -f '{{.Id}}' signing-app"),
            "aside": "signing-app-before-2-11-0",
            "database_aside": "signing_before_2_11_0",
            "policy": {"Name": "unless-stopped", "MaximumRetryCount": 0},
            "volumes": {},
        }
        self.machine.run(f"cat >{UPGRADE}/journal.json <<'END'\n{json.dumps(about)}\nEND")
        self.machine.run("docker update --restart=no signing-app && docker stop signing-app")
        self.machine.run("docker rename signing-app signing-app-before-2-11-0")
        rename = "ALTER DATABASE signing RENAME TO signing_before_2_11_0"
        psql = "docker exec -u postgres signing-db psql -U signer -d postgres"
        self.machine.run(f"{psql} -c '{rename}'")

    def journal(self) -> dict[str, Any]:
        """How far the host has written that the upgrade is."""
        text = self.machine.ssh(f"cat {UPGRADE}/journal.json").stdout
        found: dict[str, Any] = json.loads(text) if text else {}
        return found
