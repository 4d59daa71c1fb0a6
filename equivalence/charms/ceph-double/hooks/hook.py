#!/usr/bin/env python3
"""Every hook: say nothing, or refuse what is asked for."""

import json
import subprocess


def ask(tool: str, *arguments: str) -> object:
    """What a hook tool answers."""
    done = subprocess.run(
        [tool, "--format=json", *arguments], check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout) if done.stdout.strip() else None


def main() -> None:
    """Answer every unit of every relation."""
    words = ask("config-get", "refuse")
    for relation in ask("relation-ids", "client") if words else []:
        for unit in ask("relation-list", "-r", relation):
            bag = ask("relation-get", "-r", relation, "-", unit)
            if "broker_req" not in bag:
                continue
            answer = {
                "request-id": json.loads(bag["broker_req"])["request-id"],
                "exit-code": 1,
                "stderr": words,
            }
            told = {
                "auth": "cephx",
                "key": "none",
                "ceph-public-address": ask("network-get", "client", "--bind-address"),
                f"broker-rsp-{unit.replace('/', '-')}": json.dumps(answer),
            }
            pairs = [f"{key}={value}" for key, value in told.items()]
            subprocess.run(["relation-set", "-r", relation, *pairs], check=True)
    subprocess.run(["status-set", "active", words or "silent"], check=True)


main()
