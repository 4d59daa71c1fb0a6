"""Gateways in memory that understand gwcli's commands, with a cluster behind them."""

import contextlib
import copy

from ceph_iscsi import plan
from ceph_iscsi.ceph import Pool
from ceph_iscsi.errors import GatewayError
from ceph_iscsi.gateways import Gateways
from ceph_iscsi.gwcli import Refused

GIB = 1 << 30
POOLS = {
    "gw": Pool("replicated"),
    "meta": Pool("replicated"),
    "ec": Pool("erasure"),
    "full": Pool("replicated", full=True),
}
EMPTY = {"targets": {}, "disks": {}, "gateways": {}, "discovery_auth": dict(plan.NO_AUTH)}


def size_in_bytes(size):
    return int(size[:-1]) * {"M": 1 << 20, "G": GIB}[size[-1]]


class FakeGateways:
    """``refuse`` is the start of a command that is refused, ``deaf`` of one without effect.

    ``note`` is what is written on the lock, ``notes`` all that ever was; ``replayed`` are targets
    and gateways that were brought in line with what is stored, ``cleared`` targets that LIO alone
    may have had.
    """

    def __init__(self, state=EMPTY, images=None):
        self.data = copy.deepcopy(state)
        self.stored = {
            name: {"size": size, "snapshots": []} for name, size in (images or {}).items()
        }
        self.commands = []
        self.secrets = []
        self.refuse = None
        self.deaf = None
        self.down = {}
        self.names = {}
        self.hashes = {}
        self.logged_in = set()
        self.locks = []
        self.locked = []
        self.limits = []
        self.note = ""
        self.notes = []
        self.freed = 0
        self.replayed = []
        self.cleared = []

    @property
    def ways(self):
        return Gateways("gw/1", self, {"a.lab": "gw/0", "b.lab": "gw/1"}, self.of, self.run)

    def all(self):
        """Whatever a change could have changed, to be compared."""
        return copy.deepcopy((self.data, self.stored))

    # As Api

    def of(self, host="localhost", timeouts=None):
        return _FakeApi(self, host)

    # As gwcli.run

    def run(self, commands, secrets=()):
        self.secrets.append(set(secrets))
        self.locked.append([*self.locks])
        for command in commands:
            self.commands.append(command.text)
            if self.refuse and command.text.startswith(self.refuse):
                raise Refused(f"{command.purpose}: no")
            if self.deaf and command.text.startswith(self.deaf):
                continue
            self._obey(command.text)

    def _obey(self, text):
        path, verb, *words = text.split()
        parts = path.strip("/").split("/")
        target = self.data["targets"].get(parts[1]) if len(parts) > 1 else None
        keywords = dict(word.split("=", 1) for word in words if "=" in word)
        match parts, verb:
            case ["iscsi-targets"], "create":
                self.data["targets"][words[0]] = plan.new_target()
            case ["iscsi-targets"], "delete":
                assert not self.data["targets"][words[0]]["clients"]
                del self.data["targets"][words[0]]
                self._forget_gateways()
            case ["iscsi-targets"], "discovery_auth":
                self.data["discovery_auth"] = {**plan.NO_AUTH, **keywords}
            case ["disks"], "create":
                name = f"{keywords['pool']}/{keywords['image']}"
                assert name not in self.stored
                self.stored[name] = {"size": size_in_bytes(keywords["size"]), "snapshots": []}
                self.data["disks"][name] = {"controls": {}}
            case ["disks"], "attach":
                name = f"{keywords['pool']}/{keywords['image']}"
                assert name in self.stored
                self.data["disks"][name] = {"controls": {}}
            case ["disks"], "delete":
                del self.data["disks"][words[0]]
                self.stored.pop(words[0], None)
            case ["disks"], "detach":
                del self.data["disks"][words[0]]
            case ["disks"], "resize":
                self.stored[words[0]]["size"] = size_in_bytes(words[1])
            case ["disks"], "reconfigure":
                self.data["disks"][words[0]]["controls"][words[1]] = int(words[2])
            case ["disks", pool, image], "snapshot":
                snapshots = self.stored[f"{pool}/{image}"]["snapshots"]
                if words[0] != "rollback":
                    getattr(snapshots, {"create": "append", "delete": "remove"}[words[0]])(
                        words[1]
                    )
            case [_, _, "gateways"], "create":
                target["portals"][words[0]] = {"portal_ip_addresses": [words[1]]}
                self.data["gateways"][words[0]] = {}
            case [_, _, "gateways"], "delete":
                del target["portals"][words[0]]
                self._forget_gateways()
            case [_, _, "disks"], "add":
                target["disks"][words[0]] = {}
            case [_, _, "disks"], "delete":
                assert not any(words[0] in client["luns"] for client in target["clients"].values())
                del target["disks"][words[0]]
            case [_, _], "auth":
                assert not target["acl_enabled"]
                target["auth"] = {**plan.NO_AUTH, **keywords}
            case [_, _, "hosts"], "auth":
                assert not target["auth"]["username"] and not target["clients"]
                target["acl_enabled"] = words[0] == "enable_acl"
            case [_, _, "hosts"], "create":
                target["clients"][words[0]] = plan.new_client()
            case [_, _, "hosts"], "delete":
                assert not target["clients"][words[0]]["group_name"]
                del target["clients"][words[0]]
            case [_, _, "hosts", client], "auth":
                target["clients"][client]["auth"] = {**plan.NO_AUTH, **keywords}
            case [_, _, "hosts", client], "disk":
                assert not target["clients"][client]["group_name"]
                luns = target["clients"][client]["luns"]
                luns.update({words[1]: {}}) if words[0] == "add" else luns.pop(words[1])
            case [_, _, "host-groups"], "create":
                target["groups"][words[0]] = {"members": [], "disks": {}}
            case [_, _, "host-groups"], "delete":
                del target["groups"][words[0]]
            case [_, _, "host-groups", name], kind:
                self._change_group(target, name, kind, *words)
            case _:
                raise AssertionError(text)

    def _forget_gateways(self):
        used = {name for target in self.data["targets"].values() for name in target["portals"]}
        self.data["gateways"] = {name: {} for name in self.data["gateways"] if name in used}

    def _change_group(self, target, name, kind, verb, what):
        group = target["groups"][name]
        if kind == "disk":
            group["disks"].update({what: {}}) if verb == "add" else group["disks"].pop(what)
        elif verb == "add":
            assert not target["clients"][what]["luns"]
            group["members"].append(what)
            target["clients"][what]["group_name"] = name
        else:
            group["members"].remove(what)
            target["clients"][what]["group_name"] = ""
        for member in group["members"]:
            target["clients"][member]["luns"] = dict(group["disks"])

    # As Cluster

    @contextlib.contextmanager
    def lock(self, holder, limit=None):
        self.locks.append(holder)
        self.limits.append(limit)
        try:
            yield self
        finally:
            self.locks.remove(holder)

    def write(self, note):
        self.note = note
        self.notes.append(note)

    def free_config(self):
        self.freed += 1

    def pools(self):
        return POOLS

    def images(self, names):
        gone = {"problem": "its image is gone from the Ceph cluster"}
        found = {}
        for name in names:
            image = self.stored.get(name)
            found[name] = (
                copy.deepcopy(gone)
                if image is None
                else {
                    "size": image["size"],
                    "snapshots": [{"name": snapshot} for snapshot in image["snapshots"]],
                }
            )
        return found

    def create_image(self, pool, image, size, data_pool):
        self.stored[f"{pool}/{image}"] = {"size": size_in_bytes(size), "snapshots": []}
        self.commands.append(f"rbd create {pool}/{image} {size} {data_pool}")

    def remove_image(self, pool, image):
        self.commands.append(f"rbd rm {pool}/{image}")
        del self.stored[f"{pool}/{image}"]


class _FakeApi:
    def __init__(self, gateways, host):
        self.gateways = gateways
        self.host = "b.lab" if host == "localhost" else host

    def config(self, decrypted=False):
        return copy.deepcopy(self.gateways.data)

    def ping(self):
        if self.host in self.gateways.down:
            raise GatewayError(self.gateways.down[self.host])

    def hostname(self):
        self.ping()
        return self.gateways.names.get(self.host, self.host)

    def settings_hash(self):
        return self.gateways.hashes.get(self.host, "same")

    def session(self, iqn, client):
        return {"state": "LOGGED_IN" if client in self.gateways.logged_in else ""}

    def replay(self, iqn, target):
        self.ping()
        self.gateways.replayed.append((iqn, self.host))

    def clear(self, iqn):
        self.gateways.cleared.append(iqn)
