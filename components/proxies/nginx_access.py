"""By which address nginx knows a client, and whom it lets in while a site is closed."""

from ..site_settings import SiteSettings
from .nginx_locations import quote
from .proxy import SitePlan


def client_address(settings: SiteSettings) -> list[str]:
    """Return what takes the client's address from a header, if some network may tell it."""
    given = settings.client_address
    if not given:
        return []
    trusted = [f"set_real_ip_from {network};" for network in given.networks]
    return [*trusted, f"real_ip_header {given.header};"]


def _variable(plan: SitePlan, role: str) -> str:
    return f"$homeport_{role}_{plan.own.replace('-', '_')}"


def closed(plan: SitePlan) -> list[str]:
    """Return the variable that is empty for whoever gets the site although it is closed."""
    given = plan.settings.maintenance
    if not given:
        return []
    allowed = [f'\t{network} "";' for network in given.networks]
    return [f"geo {_variable(plan, 'closed')} {{", "\tdefault 300;", *allowed, "}"]


def maintenance(plan: SitePlan) -> list[str]:
    """Return what everybody else is answered while the site is closed."""
    given = plan.settings.maintenance
    if not given:
        return []
    variable = _variable(plan, "closed")
    return [
        f"add_header Retry-After {variable} always;",
        f"if ({variable}) {{",
        "\treturn 503;",
        "}",
        "error_page 503 @closed;",
        "location @closed {",
        "\tdefault_type text/plain;",
        f"\treturn 503 {quote('maintenance: text', given.text)};",
        "}",
    ]
