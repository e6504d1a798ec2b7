import json
import logging
import sys

from ledger import logs


def render(message: str, *args: object, secrets: tuple[str, ...] = (), **extra: object) -> str:
    record = logging.LogRecord("ledger.test", logging.INFO, __file__, 1, message, args, None)
    vars(record).update(extra)
    return logs.JsonFormatter("v1", secrets).format(record)


def test_a_record_is_one_json_object_on_one_line() -> None:
    line = render("two\nlines of %s", "text", path="/x", status=200)
    assert "\n" not in line
    entry = json.loads(line)
    assert entry.pop("time").endswith("+00:00")
    assert entry == {
        "level": "info",
        "logger": "ledger.test",
        "msg": "two\nlines of text",
        "release": "v1",
        "path": "/x",
        "status": 200,
    }


def test_the_request_id_is_added_while_there_is_one() -> None:
    token = logs.request_id.set("abc")
    try:
        assert json.loads(render("x"))["request_id"] == "abc"
    finally:
        logs.request_id.reset(token)
    assert "request_id" not in json.loads(render("x"))


def test_a_secret_shows_nowhere_not_even_escaped_or_as_part_of_a_url() -> None:
    password = 'pa"ss\\wörd'
    url = f"postgresql://app:{password}@db/ledger"
    line = render("no %s", url, secrets=(password, url), other=password, nested={"k": password})
    assert "wörd" not in json.dumps(json.loads(line), ensure_ascii=False)
    assert json.loads(line)["msg"] == "no [secret]"


def test_an_exception_is_part_of_its_record_without_the_secret() -> None:
    try:
        int("bad s3cret")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "", 1, "failed", (), sys.exc_info())
    entry = json.loads(logs.JsonFormatter("v1", ("s3cret",)).format(record))
    assert entry["exception"].endswith("with base 10: 'bad [secret]'")
    assert entry["level"] == "error"
