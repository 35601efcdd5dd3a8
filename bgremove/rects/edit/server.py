"""A web server for one person on this machine: nobody who does not know its address gets anything from it."""

from __future__ import annotations

import hmac
import secrets
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any

from bgremove.rects.edit.answers import Answer, Answers, refusal
from bgremove.rects.edit.session import Session

_LARGEST = 4 * 2**20
"""Bytes of a request: the hints of what is shown take at most 0.9 MB."""

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class EditServer(ThreadingMixIn, TCPServer):
    """Serves a session on a free port of 127.0.0.1, until `end` is called, it is over or the page says that it is done.

    Whoever asks must name this host, lest a page of another site that has its name point here (DNS rebinding) get in,
    and a random token, which only those know who were given the `url`. It serves the page's own files and the
    photographs of the session, by index; it writes what the session writes. Requests have a limit.
    """

    daemon_threads = True

    def __init__(self, session: Session) -> None:
        self._session = session
        self._token = secrets.token_urlsafe(24)
        self.answers = Answers(session)
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def hosts(self) -> tuple[str, str]:
        """What a request may call this server."""
        port = self.server_address[1]
        return f"127.0.0.1:{port}", f"localhost:{port}"

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{self.hosts[0]}/{self._token}/"

    def knows(self, token: str) -> bool:
        """Whether it is this server's token."""
        return hmac.compare_digest(token.encode("utf-8", "surrogateescape"), self._token.encode("ascii"))

    def end(self) -> None:
        """Let `serve_forever` return, from any thread but its own."""
        threading.Thread(target=self.shutdown, daemon=True).start()

    def service_actions(self) -> None:
        """End, from within `serve_forever`, when the session is over."""
        super().service_actions()
        if self._session.is_over:
            self.end()

    def server_close(self) -> None:
        """Close; what is being written is finished first."""
        self._session.close()
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tell of errors, but not of a browser that has gone away."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One request, and the connection is closed."""

    server: EditServer
    timeout = 30  # seconds that a request may take to arrive
    error_message_format = "%(code)d %(message)s\n"
    error_content_type = "text/plain"

    def do_GET(self) -> None:
        """Answer a request to see something."""
        self._respond(self.server.answers.get)

    def do_PUT(self) -> None:
        """Answer a request to change something."""
        self._respond(lambda address: self._with_body(lambda body: self.server.answers.put(address, body)))

    def do_POST(self) -> None:
        """Answer the request to end."""
        ended = []

        def end(address: str) -> Answer:
            if address != "done":
                return refusal(HTTPStatus.NOT_FOUND, "there is nothing here")
            ended.append(True)
            return Answer(b"{}", "application/json")

        self._respond(end)
        if ended:
            self.server.end()

    def _respond(self, answer: Callable[[str], Answer]) -> None:
        """Send the answer for the address below the token, if there may be one."""
        _, _, path = self.path.partition("?")[0].partition("/")
        token, _, address = path.partition("/")
        host = self.headers.get("Host")
        origin = self.headers.get("Origin", f"http://{host}")
        if host not in self.server.hosts or origin != f"http://{host}" or not self.server.knows(token):
            self._send(refusal(HTTPStatus.FORBIDDEN, "this address is not known here: use the one that was printed"))
        else:
            self._send(answer(address))

    def _with_body(self, answer: Callable[[bytes], Answer]) -> Answer:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdecimal()):
            return refusal(HTTPStatus.LENGTH_REQUIRED, "the length of the request is not said")
        if len(length) > 9 or int(length) > _LARGEST:
            return refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request has at most {_LARGEST} bytes")
        return answer(self.rfile.read(int(length)))

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def end_headers(self) -> None:
        """End them with those that every answer has, errors of the library included."""
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def version_string(self) -> str:
        """Who answers."""
        return "bgremove"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing: addresses hold the token."""
