"""Whether hosts answer on the network, asked of their kernel and not of their programs."""

import os
import socket
import struct
import time

_ECHO_REQUEST, _ECHO_REPLY = 8, 0


def answers(address: str, timeout: float = 1.0) -> bool:
    """Whether `address` (IPv4) answers an ICMP echo request within `timeout` seconds."""
    token = os.urandom(16)
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
        try:
            raw.sendto(_request(token), (address, 0))
        except OSError:
            return False
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            raw.settimeout(left)
            try:
                packet, (sender, _) = raw.recvfrom(2048)
            except OSError:
                return False
            header = (packet[0] & 15) * 4
            if sender == address and packet[header] == _ECHO_REPLY and packet.endswith(token):
                return True
    return False


def _request(token: bytes) -> bytes:
    def header(checksum: int) -> bytes:
        return struct.pack(">BBHHH", _ECHO_REQUEST, 0, checksum, os.getpid() & 0xFFFF, 1)

    return header(_checksum(header(0) + token)) + token


def _checksum(data: bytes) -> int:
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
