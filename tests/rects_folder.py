"""A folder whose rects are edited, and what asks the server of the page."""

import http.client
import json
import os
import socket
import threading
from contextlib import contextmanager
from functools import cache

import cv2

from bgremove.batch import read_table
from bgremove.rects import Table
from bgremove.rects.edit import EditServer, Session, survey
from bgremove.settings import Settings
from fixtures.scenes import make_scene

SETTINGS = Settings(metadata="none")
OPEN = 128


@cache
def _photos():
    scenes = {
        "a, b.png": make_scene(200, 260, 1),
        "large.png": make_scene(900, 1200, 2),
        "vague.png": make_scene(200, 260, 1, contrast=0),
    }
    return {name: cv2.imencode(".png", scene.image)[1].tobytes() for name, scene in scenes.items()}


def make_folder(folder):
    """Three photos, one larger than it is shown, and one in which nothing is to be seen."""
    (folder / "photos").mkdir()
    for name, content in _photos().items():
        (folder / "photos" / name).write_bytes(content)
    return folder


def session_of(folder):
    table = Table.opened(folder / "rects.csv")
    entries = [entry for _, entry in survey(sorted((folder / "photos").iterdir()), table, SETTINGS)]
    table.save()
    return Session(table, entries, SETTINGS)


@contextmanager
def serving(session):
    with EditServer(session) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def ask(server, method, address, body=None, token=None, **headers):
    """Status, headers and content of an answer; an address begins below the token."""
    content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    base = server.url.partition("//")[2].partition("/")[2] if token is None else f"{token}/"
    headers = {"Host": server.hosts[0], "Content_Length": str(len(content)), **headers}
    lines = [f"{method} /{base}{address} HTTP/1.1", *(f"{key.replace('_', '-')}: {headers[key]}" for key in headers)]
    with socket.create_connection(server.server_address, timeout=60) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + content)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, answer.headers, answer.read()


def contents(folder):
    """What every file below a folder holds."""
    return {os.fspath(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def read_rects(file):
    """Those of a table, by absolute path."""
    return {path: rect for path, rect in read_table(file).rects.items() if rect is not None}
