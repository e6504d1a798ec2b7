"""A stand-in for the Hetzner Cloud API over plain HTTP, for machines that are their own cloud.

It knows the vendor's resources and rules; whatever becomes real is done by a
`homeport.cloud.contract.Machinery`. See README.md in this folder for what differs from the vendor.
"""

from homeport.cloud.api.app import create_app

__all__ = ["create_app"]
