"""What smoke tests of Django sites have in common."""

from collections.abc import Mapping

from homeport.smoke import Visit, equal

LOGIN = "/accounts/login/"


def log_in(visit: Visit, login: Mapping[str, str]) -> None:
    """Log in by Django's own form, as a browser does.

    Raises:
        ValueError: the login is not taken.
    """
    fields = {**login, "csrfmiddlewaretoken": form_token(visit)}
    answer = visit.request("POST", LOGIN, data=fields)
    equal("status of the login", answer.status_code, 302)


def form_token(visit: Visit) -> str:
    """Return the token that a form of the login page carries."""
    form = visit.request("GET", LOGIN).raise_for_status().text
    _, _, rest = form.partition('name="csrfmiddlewaretoken" value="')
    return rest.partition('"')[0]
