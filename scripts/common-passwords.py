#!/usr/bin/env python3
"""Makes crates/cloud/src/secrets/common.txt.

Usage: scripts/common-passwords.py LIST...

Each LIST is a file with one password per line, or a JSON array of them. Kept are the passwords that the default policy
lets through in some capitalisation: every other one is refused for what it lacks anyhow.
"""
import json
import sys
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "crates/cloud/src/secrets/common.txt"


def passes(password: str) -> bool:
    letters = sum(c.isalpha() for c in password)
    digit = any(c in "0123456789" for c in password)
    other = any(not c.isalnum() for c in password)
    if len(password) >= 8 and letters >= 2 and digit:
        return True
    return len(password) >= 10 and min(letters, 2) + digit + other >= 3


def read(path: str) -> list[str]:
    text = Path(path).read_text(encoding="utf-8")
    return json.loads(text) if path.endswith(".json") else text.splitlines()


words = {word.lower() for path in sys.argv[1:] for word in read(path)}
kept = sorted(word for word in words if passes(word) and all(33 <= ord(c) < 127 for c in word))
TARGET.write_text("".join(f"{word}\n" for word in kept), encoding="utf-8")
print(f"{len(kept)} of {len(words)} passwords")
