"""What rbd-target-api, and gwcli as the charm runs it, need at their start while there is TLS.

It does two things that the packages of ceph-iscsi don't.

1. rbd-target-api splits ``werkzeug.__version__`` into three numbers to choose its kind of TLS.
   From werkzeug 3.1 on there is no such thing; and ceph-iscsi 3.5 takes any release x.9 and older
   for one of the year 2014, which wants a pyOpenSSL context, and no werkzeug of today does.
2. ceph-iscsi talks to gateways without looking at their certificates. Here they are verified with
   the authority that the charm got its certificate from; one's own, which is asked as
   ``localhost``, by the host's name.
"""

import socket

AUTHORITY = "/etc/ceph/iscsi-gateway-ca.crt"


def choose_tls_of_python(werkzeug):
    """Have rbd-target-api take Python's own TLS, if it would end or choose another."""
    try:
        _, release, _ = (int(part) for part in werkzeug.__version__.split("."))
        chosen = release > 9
    except (AttributeError, ValueError):
        chosen = False
    if not chosen:
        werkzeug.__version__ = "0.16.0"


def verify_certificates(requests, authority=AUTHORITY):
    """Have every request over TLS verify whom it talks to."""
    adapter = requests.adapters.HTTPAdapter
    start = requests.Session.__init__

    class Verifying(adapter):
        def __init__(self, name=None):
            self.names = {"assert_hostname": name, "server_hostname": name} if name else {}
            super().__init__()

        def init_poolmanager(self, *args, **kwargs):
            super().init_poolmanager(*args, **kwargs, **self.names)

        def send(self, request, stream=False, timeout=None, verify=True, cert=None, proxies=None):
            return super().send(request, stream, timeout, authority, cert, proxies)

    def start_verifying(self):
        start(self)
        self.mount("https://", Verifying())
        self.mount("https://localhost:", Verifying(socket.getfqdn()))

    requests.Session.__init__ = start_verifying


def main(program):
    """Do what ``program``, gwcli or rbd-target-api, needs."""
    import requests

    verify_certificates(requests)
    if program == "rbd-target-api":
        import werkzeug

        choose_tls_of_python(werkzeug)
