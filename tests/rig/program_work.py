"""What is done to the containers of ``programs``: one workload to record, another, larger one to accept."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Final, TypeAlias

import psycopg
from tests.rig.ports import answers
from tests.rig.processes import RigError

from pytrust.policy.observe.containers import Containers
from pytrust.policy.observe.trial import Live
from pytrust.trust.errors import PytrustError

Workload: TypeAlias = Callable[[Live], int]
_PATIENCE: Final = 10.0  # seconds until a server answers
_ANSWER: Final = 3.0
_POLL: Final = 0.02
_FAILURES: Final = (AssertionError, OSError, HTTPException, psycopg.Error, PytrustError, RigError, ValueError)


@dataclass(frozen=True, slots=True)
class Site:
    """Where a container is reached: a port of loopback, and the engine."""

    port: int
    containers: Containers

    def ready(self, live: Live) -> None:
        """Wait until it answers; gives up as soon as it has ended."""
        end = time.monotonic() + _PATIENCE
        while not answers(self.port):
            assert Path(f"/proc/{live.pid or 'none'}").exists(), "it has ended"
            assert time.monotonic() < end, "it does not answer"
            time.sleep(_POLL)

    def signal(self, live: Live, name: str) -> None:
        self.containers.kill(live.container, name)

    def exec(self, live: Live, *words: str) -> str:
        status, said = self.containers.exec(live.container, words)
        assert status == 0, f"{words}: {said}"
        return said

    def http(
        self, path: str, method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=_ANSWER)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def expect(self, path: str, status: int, method: str = "GET", **more: Any) -> bytes:
        found, body = self.http(path, method, **more)
        assert found == status, f"{method} {path}: {found} {body[:100]!r}"
        return body

    @contextmanager
    def lines(self) -> Iterator[Lines]:
        with socket.create_connection(("127.0.0.1", self.port), timeout=_ANSWER) as wire:
            yield Lines(wire)


class Lines:
    """A connection on which each line has its answer."""

    def __init__(self, wire: socket.socket) -> None:
        self._wire, self._file = wire, wire.makefile("rb")

    def say(self, data: bytes) -> None:
        self._wire.sendall(data)

    def line(self) -> bytes:
        return self._file.readline().rstrip(b"\r\n")

    def read(self, size: int) -> bytes:
        return self._file.read(size)

    def ask(self, text: str) -> str:
        self.say(text.encode() + b"\n")
        return self.line().decode()

    def redis(self, *words: str | bytes) -> object:
        """One command in RESP, and its answer."""
        parts = [word.encode() if isinstance(word, str) else word for word in words]
        self.say(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
        return self._resp()

    def _resp(self) -> object:
        line = self.line()
        kind, rest = line[:1], line[1:]
        assert kind != b"-", rest
        if kind == b"$":
            return None if rest == b"-1" else self.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self._resp() for _ in range(int(rest))]
        return int(rest) if kind == b":" else rest.decode()


def judged(site: Site, work: Callable[[Site, Live], None]) -> Workload:
    """As a workload: 0, or 1 with the reason on stderr."""

    def run(live: Live) -> int:
        try:
            site.ready(live)
            work(site, live)
        except _FAILURES as error:
            sys.stderr.write(f"{work.__name__}: {type(error).__name__}: {error}\n")
            return 1
        return 0

    return run


def at_once(count: int, work: Callable[[int], object]) -> None:
    """As many at the same time."""
    with ThreadPoolExecutor(count) as pool:
        list(pool.map(work, range(count)))


def until(true: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + _PATIENCE
    while not true():
        assert time.monotonic() < end, what
        time.sleep(_POLL)


def record_nginx(site: Site, live: Live) -> None:
    site.expect("/", 200)
    assert len(site.expect("/big", 200)) == 1 << 20
    site.expect("/missing", 404)
    site.expect("/folder/", 200)
    site.expect("/", 405, "POST", body=b"x" * 100_000)
    with site.lines() as nonsense:
        assert "400" in nonsense.ask("nonsense\r\n\r")
    site.exec(live, "nginx", "-s", "reload")
    site.signal(live, "USR1")
    time.sleep(0.3)
    site.expect("/", 200)


def accept_nginx(site: Site, live: Live) -> None:
    at_once(16, lambda _: [site.expect("/", 200) for _ in range(10)])
    assert site.expect("/big", 206, headers={"Range": "bytes=1000-1999"})[:3] == b"ggg"
    assert site.expect("/", 200, "HEAD") == b""
    site.expect("/", 304, headers={"If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"})
    site.expect("/folder", 301)
    site.expect("/", 405, "PUT", body=b"y" * 400_000)
    with site.lines() as rude:
        rude.say(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
    with site.lines() as nonsense:
        assert "400" in nonsense.ask("\x16\x03\x01 nonsense\r\n\r")
    for which in ("HUP", "USR1", "HUP"):
        site.signal(live, which)
        at_once(8, lambda _: site.expect("/big", 200))
    site.exec(live, "nginx", "-s", "reopen")
    site.exec(live, "nginx", "-t")
    site.exec(live, "nginx", "-s", "reload")
    time.sleep(0.2)
    at_once(8, lambda number: site.expect(f"/missing{number}", 404))


def record_redis(site: Site, live: Live) -> None:
    with site.lines() as redis:
        assert redis.redis("PING") == "PONG"
        assert redis.redis("SET", "a", "1") == "OK"
        assert redis.redis("INCR", "a") == 2
        redis.redis("RPUSH", "list", *map(str, range(100)))
        redis.redis("EXPIRE", "list", "1")
        _save(redis, "BGSAVE", "rdb_bgsave_in_progress")
        redis.redis("CONFIG", "SET", "appendonly", "yes")
        until(lambda: "aof_rewrite_in_progress:0" in _info(redis), "the log is never rewritten")
        redis.redis("SET", "large", b"x" * 200_000)
        assert redis.redis("GET", "large") == b"x" * 200_000
        redis.redis("MGET", *["large"] * 20)
        redis.redis("INFO")
        redis.redis("CLIENT", "LIST")
    assert site.exec(live, "redis-cli", "-p", str(site.port), "PING") == "PONG\n"


def accept_redis(site: Site, live: Live) -> None:
    at_once(16, lambda number: _fill(site, number))
    with site.lines() as redis:
        assert redis.redis("EVAL", "return redis.call('incr', KEYS[1])", "1", "counter") == 1
        redis.redis("SET", "large", b"x" * 2_000_000)
        redis.redis("CONFIG", "SET", "appendonly", "yes")
        until(lambda: "aof_rewrite_in_progress:0" in _info(redis), "the log is never rewritten")
        _save(redis, "BGSAVE", "rdb_bgsave_in_progress")
        _save(redis, "BGREWRITEAOF", "aof_rewrite_in_progress")
        assert redis.redis("SAVE") == "OK"
        redis.redis("CONFIG", "SET", "maxmemory", "100mb")
        redis.redis("FLUSHALL", "ASYNC")
        assert redis.redis("DBSIZE") == 0
        redis.redis("SLOWLOG", "GET")
        redis.redis("CLIENT", "LIST")
        redis.redis("MEMORY", "DOCTOR")
    said = site.exec(live, "redis-cli", "-p", str(site.port), "INFO", "server")
    assert "redis_version" in said
    site.exec(live, "redis-cli", "-p", str(site.port), "--scan")


def _fill(site: Site, number: int) -> None:
    with site.lines() as redis:
        for each in range(50):
            redis.redis("SET", f"key:{number}:{each}", "v" * each * 100, "EX", "100")
        redis.redis("ZADD", "sorted", str(number), f"member{number}")
        redis.redis("PUBLISH", "news", "none")


def _info(redis: Lines) -> str:
    said = redis.redis("INFO", "persistence")
    assert isinstance(said, bytes)
    return said.decode()


def _save(redis: Lines, command: str, field: str) -> None:
    redis.redis(command)
    until(lambda: f"{field}:0" in _info(redis), f"{command} does not end")
    assert "_last_bgsave_status:ok" in _info(redis)


def record_memcached(site: Site, live: Live) -> None:
    with site.lines() as cache:
        _store(cache, "a", b"1")
        cache.say(b"get a\r\n")
        assert [cache.line() for _ in range(3)] == [b"VALUE a 0 1", b"1", b"END"]
        for table in (b"stats\r\n", b"stats conns\r\n"):
            cache.say(table)
            while cache.line() != b"END":
                pass
        _store(cache, "large", b"x" * 500_000)
        cache.say(b"get large\r\n")
        assert cache.line() == b"VALUE large 0 500000"
        cache.read(500_002)
    at_once(4, lambda number: _cached(site, number))


def accept_memcached(site: Site, live: Live) -> None:
    at_once(24, lambda number: _cached(site, number))
    with site.lines() as cache:
        for number in range(40):
            _store(cache, f"big{number}", b"y" * 900_000)
        for question in ("incr n 1", "touch a 5", "flush_all", "version", "verbosity 1", "delete a"):
            assert cache.ask(f"{question}\r"), question
        for table in (b"slabs", b"items", b"conns", b"settings"):
            cache.say(b"stats %s\r\n" % table)
            while cache.line() != b"END":
                pass
    site.signal(live, "HUP")
    at_once(8, lambda number: _cached(site, number))


def _store(cache: Lines, key: str, value: bytes) -> None:
    cache.say(b"set %s 0 0 %d\r\n%s\r\n" % (key.encode(), len(value), value))
    assert cache.line() in {b"STORED", b"SERVER_ERROR out of memory storing object"}


def _cached(site: Site, number: int) -> None:
    with site.lines() as cache:
        for each in range(20):
            _store(cache, f"k{number}.{each}", b"v" * each * 50)
        cache.say(f"get k{number}.1 k{number}.2 none\r\n".encode())
        while cache.line() != b"END":
            pass


def record_httpd(site: Site, live: Live) -> None:
    site.expect("/", 200)
    site.expect("/big", 200)
    site.expect("/missing", 404)
    site.expect("/big", 206, headers={"Range": "bytes=1-9"})
    assert site.expect("/cgi-bin/hello", 200, "POST", body=b"name") == b"hello name\n"
    assert "httpd" in site.exec(live, "ps")


def accept_httpd(site: Site, live: Live) -> None:
    at_once(12, lambda _: [site.expect("/", 200) for _ in range(5)])
    assert len(site.expect("/big", 206, headers={"Range": "bytes=10-"})) == (1 << 20) - 10
    site.expect("/", 200, "HEAD")
    at_once(6, lambda _: site.expect("/cgi-bin/hello", 200, "POST", body=b"x" * 20_000))
    site.expect("/cgi-bin/none", 404)
    site.expect("/", 501, "DELETE")
    site.expect("/folder", 302)
    with site.lines() as rude:
        rude.say(b"GET /big HTTP/1.0\r\n\r\n")
    site.exec(live, "ls", "-l", "/www")
    site.exec(live, "sh", "-c", "echo more > /tmp/more; cat /tmp/more | wc -c; ps | sort")
    site.expect("/", 200)


def record_python(site: Site, live: Live) -> None:
    site.expect("/", 200)
    site.expect("/big", 200)
    site.expect("/missing", 404)
    site.expect("/folder/", 200)
    at_once(3, lambda _: site.expect("/page", 200))
    site.exec(live, "python3", "-c", "import calendar")


def accept_python(site: Site, live: Live) -> None:
    at_once(24, lambda _: [site.expect("/page", 200) for _ in range(5)])
    at_once(4, lambda _: site.expect("/big", 200))
    site.expect("/page", 304, headers={"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"})
    site.expect("/page", 200, "HEAD")
    site.expect("/page", 501, "POST", body=b"x" * 50_000)
    site.expect("/folder", 301)
    with site.lines() as rude:
        rude.say(b"GET /big HTTP/1.0\r\n\r\n")
    with site.lines() as nonsense:
        nonsense.say(b"\x00\x01nonsense\r\n\r\n")
        nonsense.line()
    assert site.exec(live, "python3", "-c", "import json; print(json.dumps([1]))") == "[1]\n"
    at_once(8, lambda number: site.expect(f"/missing{number}", 404))


def record_answers(site: Site, live: Live) -> None:
    with site.lines() as peer:
        assert peer.ask("echo a b") == "a b"
        assert peer.ask("file") == "first"
        assert peer.ask("fork") == peer.ask("sleep") == "yes"
        assert peer.ask("time").isdigit()
        assert peer.ask("nonsense") == "no"
        site.signal(live, "HUP")
        assert peer.ask("file") == "first"


def accept_answers(site: Site, live: Live) -> None:
    for number in range(20):
        with site.lines() as peer:
            assert peer.ask(f"echo {'x' * number * 50}") == "x" * number * 50
            assert [peer.ask(word) for word in ("fork", "sleep", "fork", "other")] == ["yes", "yes", "yes", "no"]
            site.signal(live, "HUP")
            assert peer.ask("file") == "first"
            assert peer.ask("time").isdigit()
    with site.lines() as rude:
        rude.say(b"echo half")


_WORK: Final = str(sum(size * 16384 + 1 for size in range(64)))


def record_go(site: Site, live: Live) -> None:
    with site.lines() as peer:
        assert [peer.ask(word) for word in ("file", "write", "work", "nonsense")] == ["first", "yes", _WORK, "no"]
    site.signal(live, "HUP")
    at_once(8, lambda _: _busy(site, 2))
    with site.lines() as peer:
        assert peer.ask("file") == "first"


def accept_go(site: Site, live: Live) -> None:
    for _ in range(3):
        at_once(16, lambda _: _busy(site, 4))
        site.signal(live, "HUP")
    with site.lines() as rude:
        rude.say(b"work\nwork\nwork")
    with site.lines() as peer:
        peer.say(b"x" * 100_000)  # more than it takes in one line: it hangs up
    with site.lines() as peer:
        assert [peer.ask(word) for word in ("write", "write", "file")] == ["yes", "yes", "first"]


def _busy(site: Site, count: int) -> None:
    with site.lines() as peer:
        for _ in range(count):
            assert peer.ask("work") == _WORK


def record_postgres(site: Site, live: Live) -> None:
    with _database(site) as base:
        base.execute("CREATE TABLE t (n int PRIMARY KEY, s text)")
        base.execute("INSERT INTO t SELECT n, repeat('x', 50) FROM generate_series(1, 5000) n")
        assert base.execute("SELECT count(*) FROM t WHERE s LIKE '%x'").fetchall() == [(5000,)]
        base.execute("SET work_mem = '64kB'")
        base.execute("SELECT s, n FROM t, generate_series(1, 4) ORDER BY s, n DESC").fetchall()
        base.execute("SELECT string_agg(repeat('y', 1000), ',') FROM t").fetchall()
        base.execute("UPDATE t SET s = 'y' WHERE n % 2 = 0")
        base.execute("VACUUM FULL ANALYZE t")
        base.execute("CHECKPOINT")
        base.execute("SELECT pg_reload_conf(), pg_rotate_logfile(), pg_switch_wal()")
        base.execute("SELECT pg_sleep(0.05)")
        base.execute("CREATE DATABASE other")
        base.execute("DROP DATABASE other")
        base.execute("DROP TABLE t")
    at_once(4, partial(_query, site))
    site.exec(live, _PSQL, "-h", "127.0.0.1", "-p", str(site.port), "-U", "postgres", "-c", "SELECT 1")


def accept_postgres(site: Site, live: Live) -> None:
    until(lambda: _serves(site), "the database does not start")
    at_once(12, partial(_query, site))
    with _database(site) as base, _database(site) as other:
        base.execute("CREATE TABLE u (n int, s text)")
        with base.cursor() as cursor, cursor.copy("COPY u FROM STDIN") as copy:
            for number in range(20_000):
                copy.write_row((number, "z" * (number % 90)))
        base.execute("CREATE INDEX ON u (s)")
        base.execute("SET work_mem = '64kB'")
        base.execute("SELECT * FROM u ORDER BY s DESC, n").fetchall()
        base.execute("SELECT a.n FROM u a JOIN u b USING (n) ORDER BY 1").fetchall()
        base.execute("VACUUM (FULL, ANALYZE) u")
        base.execute("REINDEX TABLE u")
        other.execute("LISTEN news")
        base.execute("NOTIFY news, 'x'")
        base.execute("DO $$ BEGIN PERFORM 1/0; EXCEPTION WHEN division_by_zero THEN NULL; END $$")
        base.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
        base.execute("TRUNCATE u")
        base.execute("CREATE DATABASE third")
        base.execute("DROP DATABASE third")
        base.execute("DROP TABLE u")
        for _ in range(3):
            base.execute("SELECT pg_reload_conf(), pg_rotate_logfile(), pg_switch_wal()")
            base.execute("CHECKPOINT")
    site.signal(live, "HUP")
    said = site.exec(live, _PSQL, "-h", "127.0.0.1", "-p", str(site.port), "-U", "postgres", "-Atc", "SELECT 6*7")
    assert said == "42\n"
    at_once(8, partial(_query, site))


_PSQL: Final = "psql"


def _database(site: Site) -> psycopg.Connection[tuple[Any, ...]]:
    until(lambda: _serves(site), "the database does not start")
    return psycopg.connect(f"host=127.0.0.1 port={site.port} user=postgres dbname=postgres", autocommit=True)


def _serves(site: Site) -> bool:
    """It listens before it has started."""
    try:
        _query(site, 0)
    except psycopg.OperationalError:
        return False
    return True


def _query(site: Site, number: int) -> None:
    address = f"host=127.0.0.1 port={site.port} user=postgres dbname=postgres connect_timeout=5"
    with psycopg.connect(address) as base:
        base.execute("SELECT sum(n) FROM generate_series(1, %s) n", [1000 + number])
