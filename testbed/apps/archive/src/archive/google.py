"""A login with Google: OpenID Connect, found by the discovery document of the endpoint.

The library's own backends for Google have its addresses built in; this one has a setting.
"""

from typing import Any

from social_core.backends.google import BaseGoogleAuth
from social_core.backends.open_id_connect import OpenIdConnectAuth


class Google(BaseGoogleAuth, OpenIdConnectAuth):
    """Takes who has a verified address there; the id token's signature and nonce are checked."""

    name = "google"
    OIDC_ENDPOINT = "https://accounts.google.com"

    def user_data(
        self, access_token: str, *args: object, **kwargs: object
    ) -> dict[str, Any] | None:
        """Return what the provider knows of the person.

        Raises:
            AuthResponseError: the address is not verified.
        """
        found = super().user_data(access_token, *args, **kwargs)
        self.validate_email_verified(found)
        return found
