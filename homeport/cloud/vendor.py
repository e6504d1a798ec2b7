"""The vendor's own client, pointed at a local cloud."""

import hcloud

from homeport.cloud.instance import Cloud

POLL_SECONDS = 0.2
ACTION_SECONDS = 300


def client(cloud: Cloud) -> hcloud.Client:
    """Return what asks the cloud's API; it waits five minutes for an action, however busy it is."""
    return hcloud.Client(
        token=cloud.token,
        api_endpoint=cloud.endpoint,
        poll_interval=POLL_SECONDS,
        poll_max_retries=round(ACTION_SECONDS / POLL_SECONDS),
    )
