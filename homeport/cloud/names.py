"""Names of the public internet that this cloud answers for, with services of its own."""

PRIVATE_REGISTRY = "registry.example.com"
"""A registry that wants a login, for tests of exactly that."""

REGISTRIES = {
    "registry-1.docker.io": "docker.io",
    "index.docker.io": "docker.io",
    "docker.io": "docker.io",
    "ghcr.io": "ghcr.io",
    PRIVATE_REGISTRY: PRIVATE_REGISTRY,
}
"""Registries' host names, and below which name each keeps its images in the one store."""

ACME_NAMES = ("acme-v02.api.letsencrypt.org", "acme-staging-v02.api.letsencrypt.org")
"""The certificate authority's directories; one server is behind both."""

SHORT_LIVED = "short-lived.testbed"
"""An authority whose certificates end soon, so that a renewal can be seen; of this cloud alone."""

API = "api.hetzner.cloud"
"""The vendor's API, as servers reach it."""

PACKAGE_MIRROR = "packages.testbed"
"""The servers' package cache; the name is of this cloud alone."""

MANAGED_POSTGRES = "managed-postgres.example.com"
"""A PostgreSQL as a managed service gives it: TLS, and a role that is no superuser."""

OBJECTS = "objects.example.com"
"""An S3 service as somebody else runs it; a real one, the gateway of testbed/images/s3."""

OBJECTS_KEY = "homeport"
"""The id of the key that opens it."""

BUCKETS = ("isis-staging-media", "isis-production-media")
"""The buckets that are there, as their owner has made them."""

GOOGLE_STANDIN = "google-standin.example.com"
"""Stands in for Google where somebody logs in (`google_standin.py`)."""

GOOGLE_CLIENT = "homeport.apps.googleusercontent.com"
"""The one client that it knows."""

SHARED_SERVER = "shared-server.example.com"
"""A server of somebody else, which a stack may use (`shared_server.py`)."""

WEBSITE_SERVER = "website-server.example.com"
"""A second one, which runs nothing but what a stack puts there (`website_server.py`)."""

FRONT_NAMES = (
    *REGISTRIES,
    *ACME_NAMES,
    SHORT_LIVED,
    API,
    PACKAGE_MIRROR,
    OBJECTS,
    GOOGLE_STANDIN,
)
"""Everything that the front answers for."""

NAMESERVERS = ("hydrogen.ns.hetzner.com", "oxygen.ns.hetzner.com", "helium.ns.hetzner.de")
"""The vendor's name servers; here they are all the cloud's one."""

STORAGE_BOX_DOMAIN = "your-storagebox.de"
"""Below this every storage box has its name."""
