import contextlib
import gzip
import hashlib
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from course_utils import data
from course_utils.data import fashion_mnist

SIZES = {"train": 200, "test": 50}


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """A Fashion-MNIST of 250 images that is nowhere to be found yet: file names to gzipped bytes."""
    rng = np.random.default_rng(0)
    published, files = {}, {}
    for split, n in SIZES.items():
        images = struct.pack(">4B3I", 0, 0, 8, 3, n, 28, 28) + rng.bytes(n * 784)
        labels = struct.pack(">4BI", 0, 0, 8, 1, n) + (rng.integers(10, size=n, dtype=np.uint8)).tobytes()
        published[split] = tuple(
            _publish(files, real.name, content)
            for real, content in zip(fashion_mnist.FILES[split], (images, labels), strict=True)
        )
    monkeypatch.setattr(fashion_mnist, "FILES", published)
    monkeypatch.setattr(fashion_mnist, "DEBIAN", tmp_path / "debian")
    monkeypatch.setattr(fashion_mnist, "cache", lambda: tmp_path / "cache")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("COURSE_DATA", raising=False)
    data._read.cache_clear()
    with socket.socket() as nobody:  # holds a port that refuses connections: it does not listen
        nobody.bind(("127.0.0.1", 0))
        monkeypatch.setattr(fashion_mnist, "URL", f"http://127.0.0.1:{nobody.getsockname()[1]}/")
        yield files
    data._read.cache_clear()


def _publish(files, name, content):
    files[name] = gzip.compress(content, mtime=0)
    md5 = hashlib.md5(files[name]).hexdigest()
    return fashion_mnist.Idx(name, md5, hashlib.sha256(content).hexdigest())


class Server(ThreadingHTTPServer):
    """Serves ``files``; breaks off once after ``cut`` bytes of a file; may ignore Range; remembers all."""

    def __init__(self, files):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.cut, self.ranges = dict(files), {}, True
        self.requests = []  # name, first byte asked for, bytes sent
        self.url = f"http://127.0.0.1:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server, name = self.server, self.path.lstrip("/")
        if name not in server.files:
            return self.send_error(404)
        body = server.files[name]
        first = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        start = first if server.ranges else 0
        if start >= len(body):
            server.requests.append((name, first, 0))
            return self.send_error(416)
        self.send_response(206 if server.ranges else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        sent = body[start:][: server.cut.pop(name, None)]
        server.requests.append((name, first, len(sent)))
        with contextlib.suppress(ConnectionError):
            self.wfile.write(sent)
        return None

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tiny, monkeypatch):
    with Server(tiny) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setattr(fashion_mnist, "URL", server.url)
        yield server
        server.shutdown()
        thread.join()
