"""What smoke tests of Django sites have in common."""

from collections.abc import Mapping

from homeport.smoke import Visit, equal


def log_in(visit: Visit, login: Mapping[str, str]) -> None:
    """Log in by Django's own form, as a browser does.

    Raises:
        ValueError: the login is not taken.
    """
    path = "/accounts/login/"
    form = visit.request("GET", path).raise_for_status().text
    _, _, rest = form.partition('name="csrfmiddlewaretoken" value="')
    fields = {**login, "csrfmiddlewaretoken": rest.partition('"')[0]}
    answer = visit.request("POST", path, data=fields)
    equal("status of the login", answer.status_code, 302)
