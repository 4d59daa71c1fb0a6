"""The files that the daemons run on, from templates."""

from pathlib import Path
from typing import Any

from ceph_iscsi import files, services
from ceph_iscsi.api import GATEWAY_CFG
from ceph_iscsi.ceph import CEPH_CONF


def rendered(context: dict[str, Any]) -> list[tuple[Path, str, int]]:
    """Paths, contents and modes.

    :param context: what the templates are rendered with
    :raises jinja2.TemplateError: a template is missing or wrong
    """
    keyring = CEPH_CONF.with_name(f"ceph.client.{context['client']}.keyring")
    return [
        (CEPH_CONF, _render("ceph.conf", context), 0o644),
        (keyring, _render("keyring", context), 0o600),
        (GATEWAY_CFG, gateway_cfg(context), 0o600),
    ]


def gateway_cfg(context: dict[str, Any]) -> str:
    """The content of iscsi-gateway.cfg; parameter and errors as for rendered."""
    return _render("iscsi-gateway.cfg", context)


def changed(context: dict[str, Any]) -> list[Path]:
    """Those whose content on disk is another; parameter and errors as for rendered."""
    return [path for path, content, _ in rendered(context) if _differs(path, content)]


def write(context: dict[str, Any]) -> None:
    """Write those that differ; the daemons need a restart then. Parameter as for rendered."""
    CEPH_CONF.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    for path, content, mode in rendered(context):
        if _differs(path, content):
            services.mark_restart()
        files.write(path, content, mode)


def _render(template: str, context: dict[str, Any]) -> str:
    from charmhelpers.core import templating

    return templating.render(template, None, context) + "\n"


def _differs(path: Path, content: str) -> bool:
    return not path.is_file() or path.read_text() != content
