#!/usr/bin/env python3
"""Fuzzes the API by its own document, with each kind of credential, against a demo of its own.

Usage: run.py path/to/bartizan [seconds for each kind [seed]]

Schemathesis makes requests from openapi/bartizan.json, valid and not; what fails the run is an answer of 5xx, a
status that the document does not know, another content type, or a body outside its schema. Without a seed every run
asks the same; a seed asks something else.
"""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
# Calls that end the credential which the rest of the run needs.
EXCLUDED = [
    "logout",
    "session_delete",
    "credentials_renew",
    "credentials_revoke",
    "password_update",
    "user_update",
    "user_disable",
    "user_delete",
    "client_update",
    "client_disable",
    "settings_update",
]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start(binary: str, folder: pathlib.Path) -> tuple[subprocess.Popen, dict]:
    file = folder / "credentials.json"
    arguments = ["demo", "--no-traffic", "--data-dir", str(folder), "--api-port", str(free_port())]
    arguments += ["--node-port", str(free_port()), "--credentials-file", str(file)]
    with open(folder / "log", "wb") as log:
        demo = subprocess.Popen([binary, *arguments], stdout=log, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and demo.poll() is None:
        if file.exists() and file.read_text().rstrip().endswith("}"):
            return demo, json.loads(file.read_text())
        time.sleep(0.05)
    demo.kill()
    sys.exit("the demo did not start:\n" + (folder / "log").read_text()[-4000:])


def bearer(credentials: dict) -> dict[str, str]:
    """A session, carried as the API Console carries it."""
    session = requests.Session()
    sign_in = {"username": credentials["email"], "password": credentials["password"]}
    session.post(credentials["api_url"] + "/v1/login", json=sign_in, timeout=30).raise_for_status()
    csrf = session.get(credentials["api_url"] + "/v1/session", timeout=30).json()["body"]["csrf"]
    headers = {"X-CSRF-Token": csrf, "Origin": credentials["api_url"]}
    answer = session.post(credentials["api_url"] + "/v1/session/token", headers=headers, timeout=30)
    return {"Authorization": "Bearer " + answer.json()["body"]["token"]}


def fuzz(kind: str, url: str, headers: dict[str, str], seconds: int, seed: str | None) -> bool:
    print(f"== {kind}", flush=True)
    command = [str(pathlib.Path(sys.executable).parent / "st"), "run", str(ROOT / "openapi/bartizan.json")]
    command += ["--url", url, "--checks", CHECKS, "--phases", "coverage,fuzzing", "--max-examples", "3"]
    command += ["--max-time", str(seconds), "--continue-on-failure", "--workers", "1", "--warnings", "off"]
    command += ["--suppress-health-check", "all", "--request-timeout", "30"]
    command += ["--seed", seed] if seed else ["--generation-deterministic"]
    # The node protocol has tests of its own and long polls that would eat the budget.
    command += ["--exclude-path-regex", "^/node/"]
    for operation in EXCLUDED:
        command += ["--exclude-operation-id", operation]
    for name, value in headers.items():
        command += ["--header", f"{name}: {value}"]
    return subprocess.run(command, cwd=tempfile.gettempdir(), check=False).returncode == 0


def main() -> None:
    binary = os.path.abspath(sys.argv[1])
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    seed = sys.argv[3] if len(sys.argv) > 3 else None
    with tempfile.TemporaryDirectory(prefix="bartizan-contract-") as name:
        folder = pathlib.Path(name)
        demo, credentials = start(binary, folder)
        try:
            kinds = {
                "no credential": {},
                "API token": {"X-WallarmApi-Token": credentials["api_token"]},
                "UUID and secret": {
                    "X-WallarmAPI-UUID": credentials["uuid"],
                    "X-WallarmAPI-Secret": credentials["secret"],
                },
                "session": bearer(credentials),
            }
            url = credentials["api_url"]
            results = {kind: fuzz(kind, url, headers, seconds, seed) for kind, headers in kinds.items()}
        finally:
            demo.send_signal(signal.SIGINT)
            demo.wait(timeout=30)
        log = (folder / "log").read_text(errors="replace")
    # The demo prints them once, on purpose.
    leaked = [name for name in ("password", "secret", "api_token") if log.count(credentials[name]) > 1]
    if leaked:
        sys.exit(f"the log of the run holds: {', '.join(leaked)}")
    failed = [kind for kind, passed in results.items() if not passed]
    if failed:
        sys.exit(f"the API answered outside its document with: {', '.join(failed)}")


if __name__ == "__main__":
    main()
