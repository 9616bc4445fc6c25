"""Sockets on 127.0.0.1, and nowhere else."""

import socket

from simulator.host.errors import HostError


def bound(port: int) -> socket.socket:
    """Bind a port of 127.0.0.1, 0 for a free one; HostError where it is taken."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
    except OSError as taken:
        listening.close()
        raise HostError(f"Port {port} of 127.0.0.1 cannot be used: {taken}") from taken
    return listening
