"""A CONNECT proxy that leads the services' real host names to the sandbox, and nowhere else."""

import asyncio
from contextlib import suppress
from fnmatch import fnmatchcase

from sfxero.sandbox.tls import LOCAL_HOSTS, SERVICE_HOSTS

LONGEST_HEAD = 16 * 1024
HEAD_TIMEOUT_S = 10.0
_CHUNK = 64 * 1024


class Tunnel:
    """Takes CONNECT for hosts of the services; other hosts are refused, never dialled."""

    def __init__(self, target: tuple[str, int]) -> None:
        """Lead every tunnel to one address, the sandbox's TLS port."""
        self._target = target
        self._open: set[asyncio.StreamWriter] = set()

    def close(self) -> None:
        """End all tunnels, so that the ports behind them can close."""
        for writer in self._open:
            writer.transport.abort()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection from its CONNECT to its end."""
        self._open.add(writer)
        try:
            async with asyncio.timeout(HEAD_TIMEOUT_S):
                head = await reader.readuntil(b"\r\n\r\n")
            status = _refusal(head)
            if status is None:
                await self._join(reader, writer)
            else:
                writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the caller went away or sent no CONNECT; nobody is left to be told
        finally:
            self._open.discard(writer)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(*self._target)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        ways = [
            asyncio.ensure_future(_copy(reader, inner_writer)),
            asyncio.ensure_future(_copy(inner_reader, writer)),
        ]
        try:
            # Once either side ends, so does the tunnel: TLS has no half-open connections here.
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            inner_writer.close()


def _refusal(head: bytes) -> str | None:
    """The status of a request that gets no tunnel."""
    verb, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
    if verb != "CONNECT":
        return "405 Method Not Allowed"
    host = rest.split(" ")[0].rpartition(":")[0].lower()
    allowed = any(fnmatchcase(host, pattern) for pattern in (*SERVICE_HOSTS, *LOCAL_HOSTS))
    return None if allowed else "403 Forbidden"


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(_CHUNK):
        writer.write(chunk)
        await writer.drain()
