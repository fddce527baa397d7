"""HTTP by hand, for requests that no client library would send."""

import socket


def connect(server, *, timeout=10):
    return socket.create_connection(("127.0.0.1", server.port), timeout=timeout)


def request(server, path="/predict", body=b"x", *, method="POST", fields=()):
    """The bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{server.port}"]
    lines += [f"{name}: {value}" for name, value in fields]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")


def reply(connection):
    """The status, the header and the body of the next answer; None where there is none."""
    held = b""
    while b"\r\n\r\n" not in held:
        piece = connection.recv(65536)
        if not piece:
            return None
        held += piece
    head, _, body = held.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
    size = int(fields.get(b"content-length", 0))
    while len(body) < size:
        piece = connection.recv(65536)
        if not piece:
            return None
        body += piece
    return int(head.split()[1]), fields, body


def send(server, data, *, timeout=10):
    """The answer to `data` on a connection of its own."""
    with connect(server, timeout=timeout) as connection:
        connection.sendall(data)
        return reply(connection)
