"""What a deployed bundle needs before its tests: `configure` in tests.yaml."""

from pathlib import Path

import zaza.model

from tests.gateway import INITIATOR, first_unit, gateways, run, settle, wait

#: What the gateways' action initiator-config prints.
MULTIPATH = Path(__file__).resolve().parents[1] / "files" / "initiator" / "multipath.conf"

#: Opens a new vault and prints a token for the charm; the keys never leave the unit's shell.
OPEN_VAULT = """
set -e
export VAULT_ADDR=http://127.0.0.1:8220 PATH=$PATH:/snap/bin
told=$(vault operator init -key-shares=1 -key-threshold=1 -format=json)
value() { python3 -c "import json, sys; print(json.load(sys.stdin)$1)"; }
echo "$told" | value '["unseal_keys_b64"][0]' | vault write sys/unseal key=- >/dev/null
VAULT_TOKEN=$(echo "$told" | value '["root_token"]')
export VAULT_TOKEN
until vault token lookup >/dev/null 2>&1; do sleep 1; done
vault token create -ttl=30m -format=json | value '["auth"]["client_token"]'
"""


def initiator() -> None:
    """Make a plain Ubuntu unit an initiator with multipath."""
    unit = first_unit(INITIATOR)
    run(unit, f"cat > /etc/multipath.conf <<'END'\n{MULTIPATH.read_text()}END")
    run(unit, "apt-get update && apt-get install --yes open-iscsi multipath-tools", 1800)
    run(unit, "modprobe -a iscsi_tcp dm_multipath")
    run(unit, "systemctl enable --now iscsid.socket multipathd && multipathd reconfigure")


def vault() -> None:
    """Open the vault, and have it make the root of its certificates."""
    unit = first_unit("vault")
    token = run(unit, OPEN_VAULT).strip()
    for name, parameters in (("authorize-charm", {"token": token}), ("generate-root-ca", {})):
        zaza.model.run_action_on_leader(
            "vault", name, action_params=parameters, raise_on_failure=True
        )
    settle()
    for gateway in gateways():
        wait(
            lambda unit=gateway: (
                zaza.model.run_on_unit(unit, "test -s /etc/ceph/iscsi-gateway.crt")["Code"] == "0"
            ),
            f"a certificate on {gateway}",
        )
    settle()
