"""A real server that speaks S3, as a process on loopback; and a proxy before it that fails, or is slow, as asked."""

import http.client
import os
import re
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import urlopen

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}

PAGE = 4
"""Names that one answer lists at most, so that a test with six has two pages."""
CUT, LOSE = "cut", "lose"


@contextmanager
def s3_server():
    """Gives the URL of a server that is ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    line = [sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", str(port)]
    environment = {**os.environ, "MOTO_S3_DEFAULT_MAX_KEYS": str(PAGE)}
    with subprocess.Popen(line, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait_for(server, f"{url}/moto-api/")
            yield url
        finally:
            server.terminate()


def _wait_for(server, url):
    deadline = time.monotonic() + 60
    while True:
        try:
            with urlopen(url, timeout=10):  # noqa: S310 - our own
                return
        except OSError:
            assert server.poll() is None, "the server has ended"
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.05)


@contextmanager
def proxy(target, meddle):
    """Gives the URL of a proxy before `target`.

    `meddle` is called with the number of the request, from 1 on, its method and its path, and may take its time. It
    gives a status to answer with instead of asking the target; `CUT`, for half of the answer; `LOSE`, to ask and answer
    with an error; or None, to do nothing of the kind.
    """
    host = target.removeprefix("http://")
    counter = threading.Lock()
    numbers = iter(range(1, sys.maxsize))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self):
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with counter:
                number = next(numbers)
            status = meddle(number, self.command, self.path)
            try:
                if status == LOSE:
                    self._asked(content)
                    self._answer(500, [], b"")
                elif status is None or status == CUT:
                    self._answer(*self._asked(content), cut=status == CUT)
                else:
                    self._answer(status, [], b"")
            except OSError:
                self.close_connection = True  # the client has gone, as it does when it has waited enough

        do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _pass_on  # noqa: N815 - names that http.server asks for

        def _asked(self, content):
            upstream = http.client.HTTPConnection(host, timeout=60)
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            upstream.request(self.command, self.path, content, headers)
            response = upstream.getresponse()
            answer = response.read()
            upstream.close()
            return response.status, response.getheaders(), answer

        def _answer(self, status, headers, content, cut=False):
            self.send_response_only(status)
            length = None
            for name, value in headers:
                if name.lower() == "content-length":
                    length = value
                elif name.lower() not in {"transfer-encoding", "connection"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", length if self.command == "HEAD" and length else str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if cut else content)
            self.close_connection = self.close_connection or cut

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Bucket:
    """A bucket of its own for a test, and what it takes to see into it."""

    def __init__(self, endpoint, name, client):
        self.endpoint = endpoint
        self.url = f"s3://{name}"
        self.name = name
        self._client = client
        client.mkdir(name)

    @property
    def environment(self):
        return {**CREDENTIALS, "AWS_ENDPOINT_URL": self.endpoint}

    def put(self, key, content):
        self._client.call_s3("put_object", Bucket=self.name, Key=key, Body=content)

    def put_folder(self, folder, prefix):
        for file in sorted(folder.iterdir()):
            self.put(f"{prefix}/{file.name}", file.read_bytes())

    def get(self, key):
        return self._client.cat_file(f"{self.name}/{key}")

    def delete(self, key):
        self._client.rm_file(f"{self.name}/{key}")

    def listed(self):
        return sorted(name.removeprefix(f"{self.name}/") for name in self._client.find(self.name))


def client_of(endpoint):
    """What tests look into buckets with, apart from what they test."""
    from s3fs import S3FileSystem  # noqa: PLC0415 - only tests of stores pay for it

    options = {"endpoint_url": endpoint, "use_listings_cache": False, "skip_instance_cache": True}
    return S3FileSystem(key="testing", secret="testing", **options)  # noqa: S106 - of no store that matters


_used = {}


def use(monkeypatch, environment):
    """Let this process use a server; connections that are kept would go to the one before."""
    from s3fs import S3FileSystem  # noqa: PLC0415 - as above

    for name in [*CREDENTIALS, "AWS_ENDPOINT_URL", "AWS_PROFILE"]:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    if environment != _used:
        S3FileSystem.clear_instance_cache()
        _used.clear()
        _used.update(environment)


def through(url, bucket):
    return {**bucket.environment, "AWS_ENDPOINT_URL": url}


def outputs(bucket):
    """What is written into the folder `out`, hidden files left aside."""
    return {key.removeprefix("out/"): bucket.get(key) for key in bucket.listed() if re.match(r"out/[^.]", key)}
