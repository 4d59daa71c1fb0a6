#!/usr/bin/python3 -IS
"""Every hook tool and every program that the charm runs, on the stage: one file, many names.

The name under which it is called says what it is. What the tools and programs know and change is
one JSON document, the world (see ``scenarios.py`` for its keys). Each call is a point at which the
hook can be killed: before it does anything, at number KILL_AT.

Hook tools behave as Juju's: relation-set counts when the hook has succeeded, status-set at once.
"""

import contextlib
import fcntl
import json
import os
import signal
import sys

STAGE = os.environ.get("CHAOS_STAGE") or "/run/chaos"
WORLD, CALLS, KILL_AT, PENDING = (
    f"{STAGE}/{name}" for name in ("world.json", "calls", "kill-at", "pending.json")
)


@contextlib.contextmanager
def world():
    """The world, changed under a lock and written whole."""
    with open(f"{STAGE}/lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with open(WORLD) as file:
            content = json.load(file)
        before = json.dumps(content)
        yield content
        if json.dumps(content) != before:
            with open(f"{WORLD}.new", "w") as file:
                json.dump(content, file, indent=1, sort_keys=True)
            os.replace(f"{WORLD}.new", WORLD)


def point(name):
    """Count a call, and kill the whole hook if this is the one."""
    with open(CALLS, "a") as calls:
        fcntl.flock(calls, fcntl.LOCK_EX)
        calls.write(json.dumps(name) + "\n")
        calls.flush()
        with open(CALLS) as file:
            number = sum(1 for _ in file)
        with contextlib.suppress(FileNotFoundError), open(KILL_AT) as file:
            if number == int(file.read()):
                os.killpg(os.getpgid(0), signal.SIGKILL)


def say(value, as_json):
    """Print a tool's answer in the format asked for."""
    if as_json:
        print(json.dumps(value))
    elif value is not None and value != "":
        print(value if isinstance(value, str) else json.dumps(value))


def parse(arguments):
    """Split arguments into flags with their values and the rest, as far as tools need it."""
    flags, rest, valued = {}, [], {"-r", "--format", "--file", "-l", "-o"}
    words = iter(arguments)
    for word in words:
        if word in valued:
            flags[word] = next(words)
        elif word.startswith("--") and "=" in word:
            key, _, value = word.partition("=")
            flags[key] = value
        elif word.startswith("-") and word != "-":
            flags[word] = True
        else:
            rest.append(word)
    return flags, rest


def pending():
    """What the hook has set so far, by relation and bag."""
    with contextlib.suppress(FileNotFoundError), open(PENDING) as file:
        return json.load(file)
    return {}


def bag_of(relation, rid, unit, is_app, own_unit):
    """The data bag that relation-get means, with what this hook has set."""
    own_app = own_unit.partition("/")[0]
    if is_app:
        app = unit.partition("/")[0]
        bag = "own_app" if app == own_app else "remote_app"
    else:
        bag = "own" if unit == own_unit else f"units/{unit}"
    content = relation
    for part in bag.split("/", 1):
        content = content[part]
    return merged(content, pending().get(rid, {}).get(bag, {}))


def merged(bag, changes):
    """A bag after changes; an empty value deletes."""
    return {key: value for key, value in {**bag, **changes}.items() if value != ""}


def hook_tool(name, arguments):
    """Answer as Juju would."""
    flags, rest = parse(arguments)
    as_json = flags.get("--format") == "json"
    with world() as now:
        relations = now["relations"]
        rid = flags.get("-r", os.environ.get("JUJU_RELATION_ID", ""))
        if name == "config-get":
            say(now["config"].get(rest[0]) if rest else now["config"], as_json)
        elif name == "is-leader":
            say(now["leader"], as_json)
        elif name == "relation-ids":
            say([key for key in relations if key.startswith(f"{rest[0]}:")], as_json)
        elif name == "relation-list":
            units = relations[rid]["units"]
            say(relations[rid]["app"] if "--app" in flags else sorted(units), as_json)
        elif name == "relation-get":
            unit = rest[1] if len(rest) > 1 else os.environ.get("JUJU_REMOTE_UNIT", "")
            bag = bag_of(relations[rid], rid, unit, "--app" in flags, now["unit"])
            key = rest[0] if rest else "-"
            say(bag if key == "-" else bag.get(key), as_json)
        elif name == "relation-set":
            relation_set(rid, flags, rest)
        elif name == "status-set":
            now["status"] = [*rest, ""][:2]
        elif name == "application-version-set":
            now["version"] = rest[0]
        elif name == "network-get":
            say(now["networks"][rest[0]], as_json)
        elif name in ("opened-ports",):
            say([], as_json)
        elif name == "unit-get":
            say(now["networks"]["cluster"]["ingress-addresses"][0], as_json)
        elif name == "action-get":
            say(now["action"]["parameters"], as_json)
        elif name == "action-set":
            now["action"]["results"].update(item.split("=", 1) for item in rest)
        elif name == "action-fail":
            now["action"]["failed"] = rest[0]
        elif name in ("juju-log", "action-log", "open-port", "close-port"):
            pass
        elif name in ("goal-state", "leader-get", "status-get"):
            say({}, as_json)
        else:
            sys.exit(f"ERROR {name} is not on this stage")


def relation_set(rid, flags, rest):
    """Keep what is set until the hook has succeeded."""
    changes = dict(item.split("=", 1) for item in rest)
    if file := flags.get("--file"):
        text = sys.stdin.read() if file == "-" else open(file).read()  # noqa: SIM115
        changes = {**simple_yaml(text), **changes}
    kept = pending()
    bag = "own_app" if "--app" in flags else "own"
    kept.setdefault(rid, {}).setdefault(bag, {}).update(changes)
    with open(f"{PENDING}.new", "w") as out:
        json.dump(kept, out)
    os.replace(f"{PENDING}.new", PENDING)


def simple_yaml(text):
    """Read a map of strings as charmhelpers writes it; JSON is YAML too."""
    sys.path.insert(0, os.environ["CHAOS_YAML"])
    import yaml

    return {key: "" if value is None else value for key, value in yaml.safe_load(text).items()}


# Programs


def systemctl(arguments):
    """Services: unknown ones are as systemd shows them."""
    flags, rest = parse(arguments)
    verb, names = (
        (rest or ["daemon-reload"])[0],
        [name.removesuffix(".service") for name in rest[1:]],
    )
    with world() as now:
        services = now["services"]
        state = {name: services.setdefault(name, {}) for name in names if verb != "show"}
        if verb in ("start", "restart"):
            for name in names:
                if state[name].get("masked"):
                    sys.exit(f"Failed to {verb} {name}.service: Unit {name}.service is masked.")
                if verb == "restart" or not state[name].get("active"):
                    now["starts"][name] = now["starts"].get(name, 0) + 1
                state[name]["active"] = True
        for name in names:
            if verb == "stop":
                state[name]["active"] = False
            elif verb in ("enable", "disable"):
                state[name]["enabled"] = verb == "enable"
            elif verb in ("mask", "unmask"):
                state[name]["masked"] = verb == "mask"
        if verb == "show":
            fields = str(flags.get("--property") or flags.get("-p") or "").split(",")
            print("\n\n".join(shown(services.get(name, {}), fields) for name in names))
        elif verb == "is-active":
            print("\n".join("active" if state[n].get("active") else "inactive" for n in names))


def shown(state, fields):
    """A service's block in what ``systemctl show`` prints."""
    masked = "masked" if state.get("masked") else ""
    values = {
        "ActiveState": "active" if state.get("active") else "inactive",
        "UnitFileState": masked or ("enabled" if state.get("enabled") else "disabled"),
        "SubState": "running" if state.get("active") else "dead",
    }
    return "\n".join(f"{field}={values.get(field, '')}" for field in fields)


def apt_get(arguments):
    """Install packages at once."""
    _, rest = parse([word for word in arguments if not word.startswith("--option=")])
    if rest and rest[0] == "install":
        with world() as now:
            now["packages"] = sorted({*now["packages"], *rest[1:]})


def dpkg_query(arguments):
    """Tell of the packages that are installed on the stage."""
    with world() as now:
        name = arguments[-1]
        if name not in now["packages"]:
            sys.exit(1)
        print("installed 18.2.7-0ubuntu0", end="")


def ceph(arguments):
    """Ask the cluster for its pools, or whether it answers."""
    with world() as now:
        if "ls" in arguments:
            kinds = now["pools"]
            print(
                json.dumps(
                    [
                        {
                            "pool_name": name,
                            "erasure_code_profile": "" if kind == "replicated" else "p",
                        }
                        for name, kind in kinds.items()
                    ]
                )
            )


def rbd(arguments):
    """Images by ``pool/image``."""
    _, words = parse([word for word in arguments if word != "--no-progress"])
    words = [word for word in words if not word.startswith(("/etc/", "client."))]
    verb, name = words[0], words[-1]
    with world() as now:
        images = now["images"]
        if verb == "info":
            if name not in images:
                sys.stderr.write(f"rbd: error opening image {name}\n")
                sys.exit(2)
            print(json.dumps({"size": images[name]}))
        elif verb == "rm":
            images.pop(name, None)
        elif verb == "ls":
            print(json.dumps([]))


# gwcli


def gwcli(_):
    """Read commands, answer each as gwcli does; each is a point of its own."""
    for line in sys.stdin:
        words = line.split()
        if not words:
            continue
        if words == ["exit"]:
            return
        if not words[0].startswith("/"):
            print(f"Command not found {words[0]}", flush=True)
            continue
        point(f"gwcli {' '.join(words[:2])}")
        with world() as now:
            answer = change(now, words)
        print(f"/> {answer}", flush=True)


def change(now, words):
    """Carry one command out; the answer is ok or why not."""
    path, verb, rest = words[0].strip("/").split("/"), words[1], words[2:]
    given = dict(word.split("=", 1) for word in rest if "=" in word)
    plain = [word for word in rest if "=" not in word]
    config = now["gateway"]
    if path == ["disks"]:
        if verb == "create":
            name = f"{given['pool']}/{given['image']}"
            if name in config["disks"]:
                return f"Unable to create disk {name}: it exists"
            pool, image = name.split("/")
            config["disks"][name] = {
                "pool": pool,
                "image": image,
                "pool_id": 2,
                "owner": "",
                "controls": {},
                "wwn": f"wwn-{name}",
                "backstore": "user:rbd",
                "backstore_object_name": image,
            }
            now["images"].setdefault(name, size_of(given["size"]))
        else:
            config["disks"].pop(plain[0], None)
            if verb == "delete":
                now["images"].pop(plain[0], None)
        return "ok"
    if path == ["iscsi-targets"]:
        if verb == "create":
            if plain[0] in config["targets"]:
                return f"A target named {plain[0]} exists already"
            config["targets"][plain[0]] = {
                "portals": {},
                "disks": {},
                "clients": {},
                "groups": {},
                "acl_enabled": True,
                "auth": no_auth(),
                "controls": {},
                "ip_list": [],
            }
        else:
            config["targets"].pop(plain[0], None)
        return "ok"
    target = config["targets"].get(path[1])
    if target is None:
        return f"No such path /iscsi-targets/{path[1]}"
    return change_target(now, target, path, verb, plain, given)


def change_target(now, target, path, verb, plain, given):
    """Carry out a command on a target."""
    config = now["gateway"]
    if path[2] == "gateways":
        if verb == "create":
            target["portals"][plain[0]] = {"portal_ip_addresses": plain[1:2], "tpgs": 2}
            target["ip_list"].append(plain[1])
        else:
            target["portals"].pop(plain[0], None)
    elif path[2] == "disks":
        if verb == "add":
            target["disks"][plain[0]] = {"lun_id": len(target["disks"])}
            config["disks"][plain[0]]["owner"] = sorted(target["portals"])[0]
        else:
            target["disks"].pop(plain[0], None)
    elif path[2] == "hosts" and len(path) == 3:
        if verb == "create":
            target["clients"][plain[0]] = {"auth": no_auth(), "luns": {}, "group_name": ""}
        else:
            target["clients"].pop(plain[0], None)
    elif path[2] == "hosts" and verb == "auth":
        auth = target["clients"][path[3]]["auth"]
        auth.update(no_auth())
        auth.update(given)
    elif path[2] == "hosts" and verb == "disk":
        luns = target["clients"][path[3]]["luns"]
        if plain[0] == "add":
            luns[plain[1]] = {"lun_id": len(luns)}
        else:
            luns.pop(plain[1], None)
    else:
        return f"not on this stage: {'/'.join(path[2:])} {verb}"
    return "ok"


def no_auth():
    """CHAP settings of one who has none."""
    return {
        "username": "",
        "password": "",
        "password_encryption_enabled": False,
        "mutual_username": "",
        "mutual_password": "",
        "mutual_password_encryption_enabled": False,
    }


def size_of(text):
    """Bytes of a size such as 1G."""
    return int(text[:-1]) * {"M": 1 << 20, "G": 1 << 30, "T": 1 << 40}[text[-1]]


PROGRAMS = {
    "systemctl": systemctl,
    "apt-get": apt_get,
    "dpkg-query": dpkg_query,
    "ceph": ceph,
    "rbd": rbd,
    "gwcli": gwcli,
    "update-ca-certificates": lambda _: None,
    "apt-cache": lambda _: None,
    "add-apt-repository": lambda _: None,
}


def main():
    """Be what one is called."""
    name, arguments = os.path.basename(sys.argv[0]), sys.argv[1:]
    if "--help" in arguments:
        print(f"Usage: {name} --file")
        return
    point(" ".join([name, *described(name, arguments)]))
    real = f"{STAGE}/real/{name}"
    if os.path.exists(real):
        os.execv(real, [name, *arguments])  # noqa: S606
    elif name in PROGRAMS:
        PROGRAMS[name](arguments)
    else:
        hook_tool(name, arguments)


def described(name, arguments):
    """The arguments that tell one call from another; no temporary file's name, no text."""
    if name in ("juju-log", "action-set", "action-fail"):
        return []
    return [word for word in arguments if not word.startswith(("/tmp/", "/run/"))]  # noqa: S108


if __name__ == "__main__":
    main()
