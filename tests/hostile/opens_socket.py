"""A hostile method file: it sends what it knows over the network."""

import socket

from benchmark import LocalMethod

with socket.create_connection(("127.0.0.1", int("@PORT@")), timeout=5) as line:  # the test listens there
    line.sendall(b"the weights")


class Hostile(LocalMethod):
    title = "Hostile: opens socket"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026
