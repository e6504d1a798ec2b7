import time

import httpx
import pytest
from hcloud import APIException, Client
from hcloud.actions import ActionFailedException

from tests.unit.cloud.machinery import MemoryMachinery
from tests.unit.cloud.orders import code_of, order
from tests.unit.cloud.service import Service, Stage


def test_the_index_says_what_this_is_and_needs_no_token(service: Service) -> None:
    text = httpx.get(f"http://127.0.0.1:{service.port}/").text
    assert "stand-in" in text
    assert "not Hetzner" in text


@pytest.mark.parametrize("token", ["", "x" * 64])
def test_another_token_is_refused(service: Service, token: str) -> None:
    assert code_of(service.client(token).locations.get_all) == "unauthorized"
    for path in ("/control/faults", "/control/requests", "/v1/servers"):
        assert httpx.get(f"http://127.0.0.1:{service.port}{path}").status_code == 401


def test_nonsense_gets_the_vendor_s_errors(service: Service) -> None:
    with service.http() as http:
        answers = {
            404: http.get("/v1/nothing"),
            405: http.delete("/v1/servers"),
            400: http.post("/v1/servers", content=b"{"),
            422: http.post("/v1/servers", json=["no", "object"]),
        }
        missing = http.get("/v1/servers/abc")
        empty = http.post("/v1/servers", json={})
    codes = {status: answer.json()["error"]["code"] for status, answer in answers.items()}
    assert {status: answer.status_code for status, answer in answers.items()} == {
        status: status for status in answers
    }
    assert codes == {
        404: "not_found",
        405: "method_not_allowed",
        400: "json_error",
        422: "invalid_input",
    }
    assert missing.json()["error"]["code"] == "not_found"
    fields = [field["name"] for field in empty.json()["error"]["details"]["fields"]]
    assert fields == ["name", "server_type", "image"]
    assert empty.json()["error"]["message"] == (
        "invalid input in fields 'name', 'server_type', 'image'"
    )


def test_unknown_fields_are_ignored(service: Service) -> None:
    with service.http() as http:
        body = {"name": "x", "type": "ipv4", "location": "fsn1", "colour": "blue"}
        assert http.post("/v1/primary_ips", json=body).status_code == 201


def test_a_rate_limit_is_retried_by_the_client(
    service: Service, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client._client, "_retry_interval_func", lambda _retries: 0.0)
    service.fault("rate_limit", match={"method": "GET", "path": "/v1/locations"}, times=2)
    assert len(client.locations.get_all()) == 6
    with service.http() as http:
        log = http.get("/control/requests").json()
    assert [item["status"] for item in log["requests"]] == [429, 429, 200]
    assert log["counts"] == {"GET 2xx": 1, "GET 4xx": 2}


def test_the_limit_itself_holds(stage: Stage, tmp_path: object, machinery: MemoryMachinery) -> None:
    state = tmp_path / "limited"  # type: ignore[operator]
    with stage.serving(state, machinery, requests_per_hour=3) as service, service.http() as http:
        answers = [http.get("/v1/locations") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[0].headers["RateLimit-Limit"] == "3"
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert int(answers[3].headers["RateLimit-Reset"]) > time.time()
    assert answers[3].json()["error"]["code"] == "rate_limit_exceeded"


def test_an_injected_error_has_its_code_and_status(service: Service, client: Client) -> None:
    service.fault(
        "http_error",
        match={"method": "POST", "path": "/v1/servers"},
        status=412,
        code="placement_error",
        message="error during placement",
    )
    with pytest.raises(APIException, match="error during placement") as refused:
        order(client)
    assert refused.value.code == "placement_error"
    assert order(client).status == "running"


def test_an_injected_failure_ends_the_action_and_spares_the_machinery(
    service: Service, client: Client, machinery: MemoryMachinery
) -> None:
    server = order(client)
    service.fault("action_failed", match={"command": "stop_server"}, message="host is on fire")
    with pytest.raises(ActionFailedException) as failed:
        server.power_off().wait_until_finished()
    assert failed.value.action.error == {"code": "action_failed", "message": "host is on fire"}
    assert machinery.called("power_off") == []
    server.power_off().wait_until_finished()
    assert machinery.running == set()


def test_slowness_is_of_requests_or_of_actions(service: Service, client: Client) -> None:
    server = order(client)
    service.fault("slow", match={"path": "/v1/locations*"}, seconds=0.3)
    begun = time.monotonic()
    client.locations.get_all()
    assert time.monotonic() - begun >= 0.3
    service.fault("action_slow", match={"command": "reboot_server"}, seconds=0.3)
    begun = time.monotonic()
    action = server.reboot()
    assert action.status == "running"
    action.wait_until_finished()
    assert time.monotonic() - begun >= 0.3


def test_faults_are_listed_counted_and_removed(service: Service) -> None:
    service.fault("http_error", times=2, match={"path": "/v1/volumes"})
    service.fault("rate_limit", times=None)
    with service.http() as http:
        assert http.get("/v1/volumes").status_code == 503
        assert [fault["times"] for fault in http.get("/control/faults").json()["faults"]] == [
            1,
            None,
        ]
        assert http.delete("/control/faults").status_code == 204
        assert http.get("/control/faults").json() == {"faults": []}
        assert http.get("/v1/volumes").status_code == 200
        assert http.post("/control/faults", json={"kind": "meteor"}).status_code == 422
        assert http.post("/control/faults", json={"kind": "slow", "tmes": 1}).status_code == 422
        http.delete("/control/requests")
        assert http.get("/control/requests").json()["total"] == 0


def test_a_project_has_limits(stage: Stage, tmp_path: object, machinery: MemoryMachinery) -> None:
    state = tmp_path / "small"  # type: ignore[operator]
    with stage.serving(state, machinery, limits={"server": 1}) as service:
        client = service.client()
        order(client)
        assert code_of(lambda: order(client, name="second")) == "resource_limit_exceeded"
        assert len(client.primary_ips.get_all()) == 2


def test_several_actions_are_asked_for_at_once(service: Service, client: Client) -> None:
    first, second = order(client).get_actions()
    with service.http() as http:
        found = http.get("/v1/actions", params={"id": [second.id, first.id, 7]}).json()["actions"]
    assert {action["id"] for action in found} == {first.id, second.id}


def test_actions_are_found_by_id_status_and_resource(client: Client) -> None:
    server, other = order(client, name="a"), order(client, name="b")
    all_of_server = server.get_actions()
    assert [action.command for action in all_of_server] == ["create_server", "start_server"]
    assert client.actions.get_by_id(all_of_server[0].id).resources == [
        {"id": server.id, "type": "server"}
    ]
    assert client.servers.actions.get_by_id(all_of_server[0].id).command == "create_server"
    assert len(client.servers.actions.get_all(status=["success"])) == 4
    assert client.servers.actions.get_all(status=["error"]) == []
    newest = client.servers.actions.get_all(sort=["id:desc"])[0]
    assert newest.resources == [{"id": other.id, "type": "server"}]
