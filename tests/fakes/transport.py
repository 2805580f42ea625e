"""A transport that sends nothing anywhere, and remembers what was done with it."""

from __future__ import annotations


class FakeTransport:
    """The part of ``asyncio.Transport`` that connections use; the peer is at 192.0.2.1, port 5."""

    def __init__(self) -> None:
        self.sent = bytearray()
        self.closed = self.aborted = self.paused = False

    def set_write_buffer_limits(self, high: int) -> None:
        pass

    def write(self, data: bytes) -> None:
        self.sent += data

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.closed or self.aborted

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def get_extra_info(self, name: str, default: object = None) -> object:
        return ("192.0.2.1", 5) if name == "peername" else default
