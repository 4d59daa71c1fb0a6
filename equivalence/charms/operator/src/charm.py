"""A part of a ceph-iscsi gateway, as an operator-framework charm has it."""

import hashlib
import json
import os
import secrets
import socket
import string
import subprocess
from pathlib import Path
from typing import Any

import ops

PACKAGES = ("ceph-iscsi", "tcmu-runner", "ceph-common")
SERVICES = ("rbd-target-api", "rbd-target-gw")
DIRECTORY = Path("/etc/ceph/iscsi")
GATEWAY_CFG = Path("/etc/ceph/iscsi-gateway.cfg")
OSD_SETTINGS = {"osd heartbeat grace": 20, "osd heartbeat interval": 5}
PERMISSIONS = ["osd", "allow *", "mon", "allow *", "mgr", "allow r"]
CEPH_CONF = """[global]
auth supported = {auth}
mon host = {monitors}
keyring = /etc/ceph/iscsi/$cluster.$name.keyring

[client.ceph-iscsi]
client mount uid = 0
log file = /var/log/ceph/ceph-client.iscsi.log
"""
CFG = """[config]
cluster_name = ceph
cluster_client_name = client.ceph-iscsi
pool = {pool}
gateway_keyring = ceph.client.ceph-iscsi.keyring
ceph_config_dir = /etc/ceph/iscsi
logger_level = DEBUG
api_secure = false
api_user = admin
api_password = {password}
api_port = 5000
trusted_ip_list = {trusted}
"""


class GatewayCharm(ops.CharmBase):
    """Converges in every event, and tells its status at the end of it."""

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        framework.observe(self.on.install, self._on_install)
        for event in (
            self.on.config_changed,
            self.on.upgrade_charm,
            self.on.leader_elected,
            self.on.update_status,
            self.on["ceph-client"].relation_joined,
            self.on["ceph-client"].relation_changed,
            self.on["cluster"].relation_changed,
            self.on["cluster"].relation_departed,
        ):
            framework.observe(event, self._on_change)
        framework.observe(self.on["ceph-client"].relation_broken, self._on_change)
        framework.observe(self.on.pause_action, self._on_pause)
        framework.observe(self.on.resume_action, self._on_resume)
        framework.observe(self.on.collect_unit_status, self._on_collect_status)

    # Events

    def _on_install(self, _: ops.InstallEvent) -> None:
        _systemctl("mask", *SERVICES)
        subprocess.run(
            ["apt-get", "install", "--yes", "--quiet", *PACKAGES],
            check=True,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )

    def _on_change(self, _: ops.EventBase) -> None:
        cluster = self.model.get_relation("cluster")
        if cluster and self.unit.is_leader() and not cluster.data[self.app].get("admin_password"):
            alphabet = string.ascii_letters + string.digits
            password = "".join(secrets.choice(alphabet) for _ in range(8))
            cluster.data[self.app]["admin_password"] = password
        ceph = self.model.get_relation("ceph-client")
        if ceph:
            self._ask(ceph)
        if self._complete:
            self._configure()

    def _on_pause(self, _: ops.ActionEvent) -> None:
        _systemctl("stop", *SERVICES)
        _systemctl("disable", *SERVICES)
        _systemctl("mask", *SERVICES)
        self._paused.touch()

    def _on_resume(self, _: ops.ActionEvent) -> None:
        self._paused.unlink(missing_ok=True)
        _run_services()

    def _on_collect_status(self, event: ops.CollectStatusEvent) -> None:
        event.add_status(self._status())

    # What there is

    @property
    def _paused(self) -> Path:
        return Path(f"/var/lib/ceph-iscsi-paused-{self.unit.name.replace('/', '-')}")

    @property
    def _answer(self) -> dict[str, str]:
        """The bag of a monitor that has given a key and carried the request out."""
        ceph = self.model.get_relation("ceph-client")
        key = f"broker-rsp-{self.unit.name.replace('/', '-')}"
        for unit in ceph.units if ceph else ():
            bag = dict(ceph.data[unit])
            answer = json.loads(bag.get(key, "{}"))
            asked = json.loads(ceph.data[self.unit].get("broker_req", "{}"))
            same = answer.get("request-id") == asked.get("request-id")
            if bag.get("key") and same and answer.get("exit-code") == 0:
                return bag
        return {}

    @property
    def _password(self) -> str:
        cluster = self.model.get_relation("cluster")
        return cluster.data[self.app].get("admin_password", "") if cluster else ""

    @property
    def _complete(self) -> bool:
        return bool(self._answer and self._password)

    def _status(self) -> ops.StatusBase:
        cluster = self.model.get_relation("cluster")
        count = 1 + (len(cluster.units) if cluster else 0)
        if count not in (2, 4):
            return ops.BlockedStatus(f"{count} is an invalid unit count")
        if self._paused.exists():
            return ops.MaintenanceStatus("Paused. Use 'resume' action to resume normal service.")
        if not self.model.get_relation("ceph-client"):
            return ops.BlockedStatus("Missing relations: ceph-client")
        if not GATEWAY_CFG.exists():
            return ops.WaitingStatus("Charm configuration in progress")
        down = [name for name in SERVICES if _systemctl("is-active", name)]
        if down:
            return ops.BlockedStatus(f"Services not running that should be: {', '.join(down)}")
        return ops.ActiveStatus("Unit is ready")

    # What is done

    def _ask(self, ceph: ops.Relation) -> None:
        replicas = self.config["ceph-osd-replication-count"]
        pools: list[dict[str, Any]] = [
            {
                "op": "create-pool",
                "name": self.config["gateway-metadata-pool"],
                "app-name": "rados",
                "replicas": replicas,
            },
            {
                "op": "create-pool",
                "name": self.config["rbd-pool-name"] or self.app.name,
                "app-name": "rbd",
                "replicas": replicas,
                "weight": self.config["ceph-pool-weight"],
            },
        ]
        permissions = {
            "op": "set-key-permissions",
            "client": "ceph-iscsi",
            "permissions": PERMISSIONS,
        }
        ops_ = [*pools, permissions]
        identity = hashlib.sha256(json.dumps(ops_).encode()).hexdigest()[:40]
        ceph.data[self.unit].update(
            {
                "unit-name": self.unit.name,
                "application-name": self.app.name,
                "osd-settings": json.dumps(OSD_SETTINGS),
                "broker_req": json.dumps({"api-version": 1, "ops": ops_, "request-id": identity}),
            }
        )

    def _configure(self) -> None:
        cluster = self.model.get_relation("cluster")
        answer = self._answer
        own = str(self.model.get_binding("cluster").network.ingress_address)
        peers = [cluster.data[unit].get("ingress-address", "") for unit in cluster.units]
        values = {
            "auth": answer["auth"],
            "monitors": ",".join(sorted(answer["ceph-public-address"].split())),
            "pool": self.config["gateway-metadata-pool"],
            "password": self._password,
            "trusted": ",".join(sorted({own, *filter(None, peers)})),
        }
        DIRECTORY.mkdir(parents=True, exist_ok=True)
        keyring = f"[client.ceph-iscsi]\n\tkey = {answer['key']}\n"
        changed = [
            _write(DIRECTORY / "ceph.conf", CEPH_CONF.format(**values)),
            _write(DIRECTORY / "ceph.client.ceph-iscsi.keyring", keyring),
            _write(GATEWAY_CFG, CFG.format(**values)),
        ]
        if any(changed) and not self._paused.exists():
            _run_services()
        cluster.data[self.unit]["gateway_ready"] = "True"
        cluster.data[self.unit]["gateway_fqdn"] = socket.getfqdn()


def _write(path: Path, text: str) -> bool:
    """Write a file that all may read, as the reference does; whether it was another."""
    if path.exists() and path.read_text() == text:
        return False
    path.write_text(text)
    path.chmod(0o444)
    return True


def _run_services() -> None:
    _systemctl("unmask", *SERVICES)
    _systemctl("enable", *SERVICES)
    _systemctl("reset-failed", *SERVICES)
    _systemctl("start", "tcmu-runner")
    _systemctl("restart", *SERVICES)


def _systemctl(*words: str) -> int:
    return subprocess.run(["systemctl", "--quiet", *words], check=False).returncode


if __name__ == "__main__":
    ops.main(GatewayCharm)
