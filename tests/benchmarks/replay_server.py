"""Serves one finished query job over HTTPS from pages that the sandbox rendered beforehand.

The sandbox renders some 100 MB a second on a core of its own, which a benchmark on two cores would
measure instead of the client. This server only sends bytes that lie ready: the sandbox's own pages,
packed by gzip as the sandbox packs them, behind the few calls that a download makes.

    python tests/benchmarks/replay_server.py FOLDER CERTIFICATE KEY

`FOLDER` holds `job.json`, `describe.json` and a `page-<n>.csv.gz` for each page.
"""

import json
import mmap
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

SLICE_BYTES = 1 << 20
PAGES_PER_REPLY = 5


class Job:
    """One finished job and its pages."""

    def __init__(self, folder: Path) -> None:
        self.facts = json.loads((folder / "job.json").read_text())
        self.describe = (folder / "describe.json").read_bytes()
        self.counts: list[int] = self.facts.pop("page_rows")
        self.pages = [_mapped(folder / f"page-{n}.csv.gz") for n in range(len(self.counts))]
        self.path = f"/jobs/query/{self.facts['id']}"


def _mapped(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)


class Handler(BaseHTTPRequestHandler):
    """Answers as the service does, as far as a download goes."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each reply waits 40 ms for an acknowledgement
    job: Job

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.endswith("/services/oauth2/token"):
            self._json({"access_token": "t", "instance_url": f"https://{self.headers['Host']}"})
        else:
            self._json({**self.job.facts, "state": "UploadComplete"})

    def do_DELETE(self) -> None:
        self.send_response(204)
        self.end_headers()

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path.endswith("/describe"):
            self._bytes(self.job.describe)
        elif parts.path.endswith("/resultPages"):
            self._list(parts.path, first=int(query.get("nextLocator", 0)))
        elif parts.path.endswith("/results"):
            self._page(int(query.get("locator", 0)))
        else:
            self._json(self.job.facts)

    def _list(self, path: str, *, first: int) -> None:
        results = path.removesuffix("Pages") + "s"
        shown = range(len(self.job.pages))[first : first + PAGES_PER_REPLY]
        further = shown.stop if shown.stop < len(self.job.pages) else None
        self._json({
            "resultPages": [{"resultUrl": f"{results}?locator={number}"} for number in shown],
            "nextRecordsUrl": None if further is None else f"{path}?nextLocator={further}",
            "done": further is None,
        })  # fmt: skip

    def _page(self, number: int) -> None:
        page, following = self.job.pages[number], number + 1
        self.send_response(200)
        self.send_header("Content-Type", "text/csv")
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Sforce-NumberOfRecords", str(self.job.counts[number]))
        is_last = following == len(self.job.pages)
        self.send_header("Sforce-Locator", "null" if is_last else str(following))
        self.end_headers()
        with memoryview(page) as view:
            for start in range(0, len(page), SLICE_BYTES):
                self.wfile.write(view[start : start + SLICE_BYTES])

    def _json(self, body: object) -> None:
        self._bytes(json.dumps(body).encode())

    def _bytes(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as above
        """Say nothing."""


def main(folder: str, certificate: str, key: str) -> None:
    """Serve on a free port until ended; the port is the only line of output."""
    Handler.job = Job(Path(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
