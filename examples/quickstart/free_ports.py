"""Prints each port asked for, or a free one where it is taken: `free_ports.py 8080 8081`."""
import socket
import sys


def free(port):
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("0.0.0.0", port))
            return port
        except OSError:
            listener.bind(("0.0.0.0", 0))
            return listener.getsockname()[1]


print(*(free(int(port)) for port in sys.argv[1:]))
