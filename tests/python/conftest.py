"""A demo of its own for the whole run, and callers for it."""

import json
import os
import signal
import subprocess
import time

import pytest
import requests


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """The demo's credentials file, once it is ready."""
    folder = tmp_path_factory.mktemp("demo")
    credentials = folder / "credentials.json"
    command = [os.environ["BARTIZAN_BIN"], "demo", "--data-dir", str(folder / "data"), "--api-port", "0",
               "--node-port", "0", "--no-traffic", "--credentials-file", str(credentials)]
    process = subprocess.Popen(command)
    deadline = time.monotonic() + 30
    while not credentials.exists():
        assert process.poll() is None, "the demo ended"
        assert time.monotonic() < deadline, "the demo is not ready"
        time.sleep(0.05)
    yield json.loads(credentials.read_text())
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 0


class Api:
    """The API as a script calls it."""

    def __init__(self, base, headers):
        self.base = base
        self.headers = headers

    def request(self, method, path, body=None, **more):
        return requests.request(method, self.base + path, json=body, headers=self.headers, timeout=10, **more)

    def post(self, path, body=None):
        reply = self.request("POST", path, body)
        assert reply.status_code == 200, f"{path}: {reply.status_code} {reply.text}"
        answer = reply.json()
        assert answer["status"] == 200
        return answer["body"]

    def get(self, path, **params):
        reply = self.request("GET", path, params=params)
        assert reply.status_code == 200, f"{path}: {reply.status_code} {reply.text}"
        return reply.json()["body"]


@pytest.fixture(scope="session")
def api(demo):
    """Calls with UUID and secret, as the published exporters do."""
    return Api(demo["api_url"], {"X-WallarmAPI-UUID": demo["uuid"], "X-WallarmAPI-Secret": demo["secret"]})


@pytest.fixture(scope="session")
def token_api(demo):
    """Calls with an API token."""
    return Api(demo["api_url"], {"X-WallarmAPI-Token": demo["api_token"]})


def eventually(check, seconds=5):
    """The first truthy answer of `check`."""
    deadline = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)
