"""The public API, driven with nothing but `requests` and the documented bodies."""

import time

import requests

from conftest import Api, eventually

ATTACK = "/files?name=../../../../etc/passwd"


def through_node(demo, path):
    return requests.get(demo["node_url"] + path, timeout=10)


def test_every_credential_names_the_same_user(demo, api, token_api):
    for caller in (api, token_api):
        user = caller.post("/v1/user", {})
        assert user["email"] == demo["email"]
        assert user["client_id"] == user["clientid"] == demo["client_id"]
        assert user["create_at"].endswith("Z")
    assert requests.post(demo["api_url"] + "/v1/user", headers=api.headers, timeout=10).status_code == 200


def test_wrong_credentials_look_alike(demo):
    wrong = [{}, {"X-WallarmAPI-Token": "x" * 64}, {"X-WallarmAPI-UUID": demo["uuid"], "X-WallarmAPI-Secret": "0" * 64},
             {"X-WallarmAPI-UUID": "00000000-0000-4000-8000-000000000000", "X-WallarmAPI-Secret": "0" * 64}]
    for headers in wrong:
        reply = Api(demo["api_url"], headers).request("POST", "/v1/user", {})
        assert (reply.status_code, reply.text) == (403, '{"status":403,"body":"User not authenticated"}')


def test_an_attack_is_blocked_and_exported(demo, api):
    """The call sequence of the published Python exporters."""
    refused = through_node(demo, ATTACK)
    assert refused.status_code == 403
    request_id = refused.headers["X-Request-Id"]
    client = api.post("/v1/objects/client", {"filter": {}})[0]["id"]
    assert client == demo["client_id"]
    time_filter = api.post("/v1/search", {"query": "last hour", "time_zone": "UTC"})["attacks"]["time"]
    start = time_filter[0][0]
    assert start <= time.time()
    filters = {"!type": ["warn"], "vulnid": None, "poolid": None, "time": [[start, None]], "clientid": [client]}
    eventually(lambda: api.post("/v1/objects/attack/count", {"filter": filters})["attacks"] > 0, 2)
    attacks = api.post("/v1/objects/attack", {"filter": filters, "limit": 1000, "offset": 0, "order_by": "first_time", "order_desc": True})
    attack = next(one for one in attacks if one["type"] == "ptrav")
    assert isinstance(attack["attackid"], str) and ":" in attack["attackid"]
    hits = api.post("/v1/objects/hit", {"filter": [{"attackid": [attack["attackid"]], "!type": ["warn", "marker"], "!state": "falsepositive"}],
                                        "limit": 1000, "offset": 0, "order_by": "time", "order_desc": True})
    hit = next(one for one in hits if one["request_id"] == request_id)
    assert hit["statuscode"] == 403 and hit["block_status"] == "blocked" and "etc/passwd" in hit["value"]
    details = api.get("/v2/hit/details", id=f"{hit['id'][0]}:{hit['id'][1]}")
    assert details["method"] == "GET" and details["uri"] == ATTACK and "HOST" in details["headers"]


def test_marking_a_false_positive_and_taking_it_back(demo, api):
    assert through_node(demo, "/api/search?q=%27%20UNION%20SELECT%20user,password%20FROM%20users--%20-").status_code == 403
    attack = eventually(lambda: api.post("/v1/objects/attack", {"filter": {"type": "sqli"}}))[0]
    hits = {"filter": {"attackid": attack["attackid"], "!state": "falsepositive"}}
    assert api.post("/v1/objects/hit", hits)
    api.post("/v1/objects/attack/mark_false", {"filter": {"attackid": attack["attackid"]}})
    assert api.post("/v1/objects/hit", hits) == []
    marked = api.post("/v1/objects/attack", {"filter": {"id": [attack["id"]]}})[0]
    assert marked["state"] == "falsepositive" and marked["hits"] == 0
    api.post("/v1/objects/attack/mark_false", {"filter": {"attackid": attack["attackid"]}, "mode": "false"})
    assert api.post("/v1/objects/attack", {"filter": {"id": [attack["id"]]}})[0]["state"] is None


def test_a_rule_is_made_enforced_and_deleted(demo, token_api):
    assert through_node(demo, "/api/products?voucher=1").status_code == 200
    rule = token_api.post("/v1/objects/hint/create", {
        "type": "vpatch", "clientid": demo["client_id"], "validated": False, "point": [["get", "voucher"]], "attack_type": "any",
        "action": [{"type": "equal", "point": ["path", 0], "value": "api"}]})
    assert rule["point"] == ["get", "voucher"] and rule["regex_id"] is None
    eventually(lambda: through_node(demo, "/api/products?voucher=1").status_code == 403)
    listed = token_api.post("/v1/objects/hint", {"filter": {"clientid": [demo["client_id"]], "id": [rule["id"]]}, "limit": 10, "offset": 0})
    assert listed == [rule]
    action = token_api.post("/v1/objects/action", {"filter": {"clientid": [demo["client_id"]], "hint_type": ["vpatch"]}, "limit": 500, "offset": 0})
    assert rule["actionid"] in [one["id"] for one in action]
    token_api.post("/v1/objects/hint/delete", {"filter": {"clientid": [demo["client_id"]], "id": [rule["id"]]}})
    eventually(lambda: through_node(demo, "/api/products?voucher=1").status_code == 200)


def test_a_bad_rule_is_refused_by_field(token_api):
    reply = token_api.request("POST", "/v1/objects/hint/create", {"type": "vpatch", "attack_type": "nonsense", "point": [["get", "x"]], "action": []})
    assert reply.status_code == 400
    assert "attack_type" in reply.json()["body"]


def test_a_denied_address_is_refused(demo, api):
    created = api.request("POST", "/v4/ip_rules", {"clientid": demo["client_id"], "force": False, "ip_rule": {
        "list": "black", "rule_type": "ip_range", "subnet": "127.0.0.1", "pools": [0], "expired_at": 33223139044, "reason": "test"}})
    assert created.status_code == 200, created.text
    eventually(lambda: through_node(demo, "/health").status_code == 403)
    objects = api.get("/v4/ip_rules", **{"filter[clientid]": demo["client_id"], "filter[list]": "black", "limit": 300})["objects"]
    ids = [one["id"] for one in objects]
    deleted = api.request("DELETE", "/v4/ip_rules", {"filter": {"clientid": demo["client_id"], "id": ids, "list": "black"}})
    assert deleted.status_code == 200, deleted.text
    eventually(lambda: through_node(demo, "/health").status_code == 200)


def test_applications(demo, api):
    client = demo["client_id"]
    assert api.post("/v1/objects/pool/create", {"id": 42, "clientid": client, "name": "Shop"})["id"] == 42
    again = api.request("POST", "/v1/objects/pool/create", {"id": 42, "clientid": client, "name": "Shop"})
    assert (again.status_code, again.text) == (400, '{"status":400,"body":"Already exists"}')
    assert {one["id"] for one in api.post("/v1/objects/pool", {"limit": 500, "offset": 0, "filter": {"clientid": [client]}})} >= {-1, 42}
    assert api.post("/v1/objects/pool/update", {"filter": {"id": 42, "clientid": [client]}, "fields": {"name": "Store"}})[0]["name"] == "Store"
    assert api.post("/v1/objects/pool/delete", {"filter": {"id": 42, "clientid": client}}) == [42]
    assert api.post("/v1/objects/pool/delete", {"filter": {"id": 42, "clientid": client}}) == []


def test_users_and_roles(demo, api):
    created = api.post("/v1/objects/user/create", {"email": "reader@demo.test", "username": "reader@demo.test", "password": "Aa1!aaaa9Z",
                                                   "realname": "Rita Reader", "permissions": ["auditor"], "clientid": demo["client_id"], "enabled": True})
    again = api.request("POST", "/v1/objects/user/create", {"email": "reader@demo.test", "realname": "R R", "permissions": ["auditor"]})
    assert (again.status_code, again.text) == (409, '{"status":409,"body":"Already exists"}')
    session = requests.Session()
    signed_in = session.post(demo["api_url"] + "/v1/login", json={"username": "reader@demo.test", "password": "Aa1!aaaa9Z"}, timeout=10)
    assert signed_in.status_code == 200
    csrf = session.get(demo["api_url"] + "/v1/session", timeout=10).json()["body"]["csrf"]
    session.headers.update({"X-CSRF-Token": csrf, "Origin": demo["api_url"]})
    assert session.post(demo["api_url"] + "/v1/objects/attack", json={"filter": {}}, timeout=10).status_code == 200
    refused = session.post(demo["api_url"] + "/v1/objects/hint/create", json={"type": "wallarm_mode", "mode": "off", "action": []}, timeout=10)
    assert (refused.status_code, refused.text) == (403, '{"status":403,"body":"Access denied"}')
    assert api.post("/v1/objects/user/delete", {"filter": {"id": created["id"]}}) == [created["id"]]


def test_nodes(demo, token_api):
    node = token_api.post("/v2/node", {"hostname": "python-group", "type": "cloud_node", "clientid": demo["client_id"], "partner_mode": False})
    assert len(node["token"]) in range(64, 67)
    again = token_api.request("POST", "/v2/node", {"hostname": "python-group", "type": "cloud_node", "clientid": demo["client_id"]})
    assert (again.status_code, again.text) == (400, '{"status":400,"body":"Already exists"}')
    names = [one["hostname"] for one in token_api.get("/v2/node", **{"filter[clientid][]": demo["client_id"], "limit": 1000})]
    assert {"python-group", "demo"} <= set(names)
    assert token_api.request("DELETE", f"/v2/node/{node['id']}").status_code == 200
    assert token_api.request("DELETE", f"/v2/node/{node['id']}").status_code == 404
