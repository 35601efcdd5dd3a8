"""Requests to a server on this machine, past any proxy."""

import http.client
from contextlib import closing
from urllib.parse import urlsplit


def ask(url, method="GET"):
    """What is answered."""
    parts = urlsplit(url)
    with closing(http.client.HTTPConnection(parts.netloc, timeout=60)) as connection:
        connection.request(method, parts.path)
        return connection.getresponse().read()
