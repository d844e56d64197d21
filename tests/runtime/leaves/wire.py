"""A real HTTP server on loopback whose every reply is scripted, down to the bytes."""

from __future__ import annotations

import contextlib
import json
import socket
import threading

OK = {"CheckpointToken": "next", "NewExecutionState": {"Operations": []}}
CLOSE = object()
HANG = object()


def reply(status=200, body=OK, headers=None, *, raw=None):
    """Return a reply as bytes."""
    content = raw if raw is not None else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(content)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


class Request:
    def __init__(self, head, body):
        first, *lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, _ = first.split(" ")
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self.body = body
        self.connection = None

    @property
    def json(self):
        return json.loads(self.body)


class Server:
    """Answers the n-th request with the n-th step of the script; the last step repeats.

    A step is bytes to send, CLOSE (close without an answer), HANG (never answer), or a tuple of such parts, in which
    ``(seconds, bytes)`` is a part that comes late.
    """

    def __init__(self, *script):
        self.script = script or (reply(),)
        self.requests = []
        self.connections = 0
        self.sockets = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.drop_connections()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(5)

    def drop_connections(self):
        while self.sockets:
            link = self.sockets.pop()
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
            link.close()

    def _accept(self):
        while True:
            try:
                link, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.sockets.append(link)
            threading.Thread(target=self._serve, args=(link, self.connections), daemon=True).start()

    def _serve(self, link, number):
        with contextlib.suppress(OSError):
            buffer = b""
            while True:
                while b"\r\n\r\n" not in buffer:
                    data = link.recv(65_536)
                    if not data:
                        return
                    buffer += data
                head, _, buffer = buffer.partition(b"\r\n\r\n")
                request = Request(head, b"")
                request.connection = number
                length = int(request.headers.get("content-length", 0))
                while len(buffer) < length:
                    buffer += link.recv(65_536)
                request.body, buffer = buffer[:length], buffer[length:]
                self.requests.append(request)
                if not self._answer(link, self.script[min(len(self.requests), len(self.script)) - 1]):
                    return

    def _answer(self, link, step):
        for part in step if isinstance(step, tuple) else (step,):
            if part is HANG:
                return True
            if part is CLOSE:
                link.shutdown(socket.SHUT_RDWR)
                link.close()
                return False
            pause, data = part if isinstance(part, tuple) else (0, part)
            threading.Event().wait(pause)  # not time.sleep: the tests take that from the client
            link.sendall(data)
        return True
