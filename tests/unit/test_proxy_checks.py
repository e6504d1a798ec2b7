"""What may stand in a proxy's configuration: nothing that can escape."""

from collections.abc import Callable

import pytest

from components.proxies import checks

INJECTIONS = [
    "a`b",
    "`\nrespond evil",
    "line\nbreak",
    "carriage\rreturn",
    "{env.HOME}",
    "{$HOME}",
    "}",
    "tab\there",
    "nul\0",
    "ümlaut",
]


@pytest.mark.parametrize("text", INJECTIONS)
def test_a_text_that_could_end_its_quotes_or_name_a_placeholder_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII without backticks and braces"):
        checks.text("headers: X", text)


@pytest.mark.parametrize("text", ["", "plain", 'double "quotes"', "back\\", "# no comment", "$x"])
def test_other_text_is_taken_as_it_is(text: str) -> None:
    assert checks.text("x", text) == text


@pytest.mark.parametrize("injection", [*INJECTIONS, "a b", "a;b", '"', "a # b"])
@pytest.mark.parametrize(
    "check",
    [
        checks.hostname,
        checks.path,
        checks.folder,
        checks.upstream,
        checks.header,
        checks.username,
        checks.directory,
        checks.email,
        checks.network,
        checks.password_hash,
    ],
)
def test_nothing_but_plain_characters_passes_any_check(
    check: Callable[[str, str], str], injection: str
) -> None:
    for prefix in ("", "/", "https://a.example.com", "a.example.com", "/a"):
        with pytest.raises(ValueError, match="the field: "):
            check("the field", prefix + injection)


@pytest.mark.parametrize(
    "name", ["a.de", "ledger.example.com", "a-b.example.com", "xn--mnchen-3ya.example", "1.example"]
)
def test_a_full_dns_name_is_accepted(name: str) -> None:
    assert checks.hostname("x", name) == name


@pytest.mark.parametrize(
    "name",
    [
        "localhost",
        "Example.com",
        "*.example.com",
        "example.com.",
        "example.com:443",
        "https://example.com",
        "-a.example.com",
        "a-.example.com",
        "a..example.com",
        "a_b.example.com",
        "192.0.2.7",
        "münchen.example",
        "a" * 64 + ".example",
        "a." * 126 + "example",
        "example.com\n",
    ],
)
def test_what_is_no_full_dns_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="hostname: must"):
        checks.hostname("hostname", name)


@pytest.mark.parametrize("path", ["/", "/api", "/api/v2", "/.well-known", "/a_b~c-d.e"])
def test_a_plain_path_is_accepted(path: str) -> None:
    assert checks.path("x", path) == path


@pytest.mark.parametrize("path", ["api", "/api/", "//", "/a//b", "/a/../b", "/..", "/a*", "/a?b"])
def test_a_path_that_could_match_something_else_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="path: must"):
        checks.path("path", path)


@pytest.mark.parametrize(
    ("given", "usual"),
    [("192.0.2.7", "192.0.2.7/32"), ("2001:DB8::/32", "2001:db8::/32"), ("0.0.0.0/0", "0.0.0.0/0")],
)
def test_networks_are_written_in_their_usual_form(given: str, usual: str) -> None:
    assert checks.network("x", given) == usual


@pytest.mark.parametrize("network", ["192.0.2.7/24", "192.0.2", "example.com", "::1/129"])
def test_what_is_no_network_is_refused(network: str) -> None:
    with pytest.raises(ValueError, match="allow_from: must be an address or a network"):
        checks.network("allow_from", network)
