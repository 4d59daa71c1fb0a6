"""The reader, against a real server on this machine that answers as rbd-target-api does."""

import base64
import http.server
import json
import socket
import threading
from urllib.parse import parse_qs, urlsplit

import pytest
from ceph_iscsi.api import Api
from ceph_iscsi.errors import GatewayError

PASSWORD = "p" * 32


@pytest.fixture
def server(monkeypatch):
    """A server whose ``answers`` are (code, document or text) by path; records who asked what."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.clients.add(self.client_address[0])
            self.server.asked.append((self.path, self.headers["Authorization"]))
            code, content = self.server.answers[urlsplit(self.path).path]
            body = (content if isinstance(content, str) else json.dumps(content)).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_PUT(self):
            form = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            given = parse_qs(form, keep_blank_values=True)
            given = {key: value for key, (value,) in given.items()}
            self.server.given.append((self.command, self.path, given))
            self.do_GET()

        do_DELETE = do_PUT

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.answers, running.asked, running.clients, running.given = {}, [], set(), []
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def api(server, tmp_path):
    cfg = tmp_path / "iscsi-gateway.cfg"
    cfg.write_text(
        "# comment\n[config]\napi_secure = false\napi_user = admin\n"
        f"api_password = {PASSWORD}\napi_port = {server.server_port}\n"
    )
    return Api.of("127.0.0.1", cfg)


def test_the_state_is_read_with_the_credentials_of_the_configuration_file(server, api):
    server.answers["/api/config"] = (200, {"targets": {}})
    assert api.config() == {"targets": {}}
    api.config(decrypted=True)
    login = base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
    assert server.asked[0] == ("/api/config", f"Basic {login}")
    assert parse_qs(urlsplit(server.asked[1][0]).query) == {"decrypt_passwords": ["true"]}


def test_the_api_is_asked_from_another_address_of_this_host(server, api):
    server.answers["/api/config"] = (403, {})
    assert api.status_for("127.99.99.99") == 403
    assert server.clients == {"127.99.99.99"}


def test_name_hash_and_ping(server, api):
    server.answers["/api/sysinfo/hostname"] = (200, {"data": "a.lab"})
    server.answers["/api/sysinfo/checkconf"] = (200, {"data": "abc"})
    server.answers["/api/_ping"] = (200, {"message": "pong"})
    assert (api.hostname(), api.settings_hash()) == ("a.lab", "abc")
    api.ping()


TARGET = {
    "ip_list": ["10.0.0.1", "10.0.0.2"],
    "auth": {"username": "somebody", "password": "secret", "password_encryption_enabled": False},
    "groups": {"g": {"members": ["one", "two"], "disks": {"p/1": {}, "p/2": {}}}},
}


def test_a_gateway_is_brought_in_line_with_what_is_stored(server, api):
    for path in ("_gateway/iqn/127.0.0.1", "_targetauth/iqn", "_hostgroup/iqn/g"):
        server.answers[f"/api/{path}"] = (200, {"message": "ok"})
    api.replay("iqn", TARGET)
    portals = {"gateway_ip_list": "10.0.0.1,10.0.0.2", "nosync": "false"}
    auth = {"committing_host": "", "username": "somebody", "password": "secret"}
    assert server.given == [
        ("PUT", "/api/_gateway/iqn/127.0.0.1", portals),
        ("PUT", "/api/_targetauth/iqn", auth),
        ("PUT", "/api/_hostgroup/iqn/g", {"members": "one,two", "disks": "p/1,p/2"}),
    ]


def test_a_gateway_that_cannot_be_brought_in_line_says_why(server, api):
    server.answers["/api/_gateway/iqn/127.0.0.1"] = (500, {"message": "Could not create target"})
    with pytest.raises(GatewayError, match=r"_gateway/iqn/127.0.0.1 refused: Could not create"):
        api.replay("iqn", TARGET)


def test_a_target_that_lio_alone_has_is_removed_whatever_the_answer(server, api):
    server.answers["/api/_target/iqn"] = (500, {"message": "Unhandled exception"})
    api.clear("iqn")
    assert server.given == [("DELETE", "/api/_target/iqn", {})]


def test_a_gateway_without_portals_says_so(server, api):
    server.answers["/api/_ping"] = (503, {"message": "pong"})
    with pytest.raises(GatewayError, match="answers, but no portal listens for initiators"):
        api.ping()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((403, {"message": "API access not available to ::1"}), "API access not available"),
        ((401, {"message": "Missing credentials"}), "Missing credentials"),
        ((500, "<html>oops</html>"), "Internal Server Error"),
    ],
)
def test_a_refusal_is_told_in_the_apis_words(server, api, answer, words):
    server.answers["/api/config"] = answer
    with pytest.raises(GatewayError) as error:
        api.config()
    assert words in str(error.value)
    assert str(error.value).endswith(f"({answer[0]})")
    assert PASSWORD not in str(error.value) + repr(api)


def test_a_gateway_that_is_not_there_is_told_with_the_systems_reason():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        api = Api("127.0.0.1", unused.getsockname()[1], "admin", PASSWORD)
        with pytest.raises(GatewayError, match=r"http://127.*does not answer: Connection refused"):
            api.ping()


def test_a_name_that_does_not_resolve_is_told():
    with pytest.raises(GatewayError, match=r"does not answer: .*(not known|resolution)"):
        Api("nowhere.invalid", 5000, "admin", PASSWORD).ping()


def test_a_gateway_that_is_silent_is_told(server, api, monkeypatch):
    monkeypatch.setattr("ceph_iscsi.api.TIMEOUTS", (0.2, 0.2))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mute = Api("127.0.0.1", silent.getsockname()[1], "admin", PASSWORD)
        with pytest.raises(GatewayError, match="does not answer: no answer in time"):
            mute.ping()


def test_without_a_configuration_file_there_is_no_api(tmp_path):
    with pytest.raises(GatewayError, match="not configured yet"):
        Api.of(cfg=tmp_path / "none")


def test_sessions_are_told_by_the_gateway_that_has_them(server, api):
    server.answers["/api/_targetinfo/iqn.t"] = (200, {"num_sessions": 2})
    session = {"alias": "", "state": "LOGGED_IN", "ip_address": ["10.0.0.9"]}
    server.answers["/api/_clientinfo/iqn.t/iqn.c"] = (200, session)
    assert api.session_count("iqn.t") == 2
    assert api.session("iqn.t", "iqn.c") == session


def test_what_a_gateway_has_in_memory_is_put_together(server, api):
    client = {"auth": {"username": "someone1"}, "luns": {"gw/one": {"lun_id": 0}}}
    group = {"members": ["iqn.c"], "disks": {"gw/one": {}}}
    disks = {"gw/one": {"owner": "a.lab"}, "gw/two": {"owner": "b.lab"}}
    server.answers |= {
        "/api/disks": (200, {"disks": disks}),
        "/api/targets": (200, {"targets": ["iqn.t"]}),
        "/api/clients/iqn.t": (200, {"clients": ["iqn.c"]}),
        "/api/_client/iqn.t/iqn.c": (200, client),
        "/api/hostgroups/iqn.t": (200, {"groups": ["hosts"]}),
        "/api/hostgroup/iqn.t/hosts": (200, group),
        "/api/gateways/iqn.t": (200, {"a.lab": {"portal_ip_addresses": ["10.0.0.1"]}}),
    }
    state = api.remembered()
    assert state["disks"] == disks
    target = state["targets"]["iqn.t"]
    assert (target["clients"], target["groups"]) == ({"iqn.c": client}, {"hosts": group})
    assert list(target["disks"]) == ["gw/one", "gw/two"]
    assert list(target["portals"]) == ["a.lab"]
    # with a second target, a disk that nobody has may be in either
    server.answers["/api/targets"] = (200, {"targets": ["iqn.t", "iqn.u"]})
    for path in ("clients", "hostgroups", "gateways"):
        key = {"clients": "clients", "hostgroups": "groups"}.get(path)
        server.answers[f"/api/{path}/iqn.u"] = (200, {key: []} if key else {})
    targets = api.remembered()["targets"]
    assert [list(targets[iqn]["disks"]) for iqn in ("iqn.t", "iqn.u")] == [["gw/one"], []]
