"""Far sides that answer as nobody should: they quote what they are told, cut, dribble, or send without end."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import ssl
import threading
from urllib.parse import quote, quote_plus, unquote_plus


class Hostile:
    """A TCP server that reads one request per connection and hands it to ``act(connection, head, body)``."""

    def __init__(self, act, *, tls=None):
        self.act = act
        self.tls = tls
        self.heads = []
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        # A blocked accept() is not ended by close() alone.
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(5)

    def _serve(self):
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        with contextlib.suppress(OSError, ssl.SSLError, ValueError), connection:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            elif connection.recv(1, socket.MSG_PEEK) == b"\x16":  # the beginning of TLS, which is not spoken here
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                return
            file = connection.makefile("rb")
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                line = file.readline(1_000_000)
                if not line:
                    return
                head += line
            size = next(
                (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
            )
            body = file.read(size)
            self.heads.append(head)
            self.act(connection, head, body)
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_WR)


def quoted(head, body):
    """Return everything that a request carried, once more in plain where it was encoded."""
    text = f"{head.decode('latin-1')}\n{body.decode('latin-1')}"
    pairs = [line.partition(" Basic ")[2] for line in text.splitlines() if " Basic " in line]
    plain = [base64.b64decode(pair + "==").decode("latin-1") for pair in pairs]
    return " ".join(" ".join([text, *plain, unquote_plus(text)]).split())


def echo(status, *, paths=(), web_page=False):
    """Return an act that answers ``status`` and quotes the credential wherever an answer has room for words."""

    def act(connection, head, body):
        said = quoted(head, body)
        words = said[:6000]
        if web_page:
            content, kind = f"<html><head><title>{words}</title></head>{words}</html>".encode(), "text/html"
        else:
            names = ("message", "error", "error_description", "code", "detail", "title", "request_id", "text", "reason")
            answer = dict.fromkeys(names, words) | {"errors": [words], "valid": words, "partialSuccess": words}
            for path in paths:
                _set(answer, path.replace("\\.", "\0").split("."), words)
            content, kind = json.dumps(answer).encode(), "application/json"
        secret = quote(words[-2000:], safe=" ")
        headers = [
            f"HTTP/1.1 {status} {secret[:200]}",
            f"Content-Type: {kind}",
            f"Location: https://other.example/?token={secret}",
            f"Link: <https://other.example/?token={secret}>; rel=next",
            f"X-Request-Id: {secret}",
            f"WWW-Authenticate: Bearer error_description={secret}",
            f"Set-Cookie: session={secret}",
            f"Content-Length: {len(content)}",
            "Connection: close",
        ]
        connection.sendall("\r\n".join(headers).encode() + b"\r\n\r\n" + content)

    return act


def _set(answer, keys, words):
    for key in keys[:-1]:
        key = key.replace("\0", ".")
        inner = answer.get(key) if isinstance(answer, dict) else None
        if not isinstance(inner, dict):
            inner = {}
            answer[key] = inner
        answer = inner
    answer[keys[-1].replace("\0", ".")] = words


def cut(connection, head, body):
    """Break off in the middle, after quoting what came."""
    said = quoted(head, body).encode()
    connection.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\nX-Said: " + quote(said).encode() + b"\r\n\r\n" + said
    )


def silent(connection, head, body):
    """Say nothing until the other side has gone."""
    connection.settimeout(10)
    connection.recv(1)


def garbled(connection, head, body):
    """Answer with the request itself, which is no answer."""
    connection.sendall(head + body)


def forms_of(secret):
    """Return what a secret looks like where it is written plainly, in a URL, in JSON, or inside of any base64."""
    raw = secret.encode()
    inside = {base64.b64encode(b"x" * shift + raw)[(0, 2, 3)[shift] : -4].decode() for shift in range(3)}
    return {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], *inside}


def found_in(text, secrets):
    """Return which of the secrets show in a text."""
    return [secret for secret in secrets if any(form in text for form in forms_of(secret))]


def chain_of(error):
    """Return all that an exception says or holds, and all that it came from."""
    seen, told, open_ = set(), [], [error]
    while open_:
        each = open_.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        held = {name: value for name, value in vars(each).items() if not name.startswith("__")}
        told.append(f"{each!s} {each!r} {each.args!r} {held!r}")
        open_ += [each.__cause__, each.__context__, *getattr(each, "exceptions", ())]
    return "\n".join(told)
