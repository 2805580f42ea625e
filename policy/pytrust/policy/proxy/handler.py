"""What is done with one request: judged, rewritten, sent on, and looked after until its answer is out.

Reading (``Verdict.LOOK``) takes a short way, without a task and without the journal; everything else the long one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Final

from pytrust.policy.core.decision import Allow, Deny
from pytrust.policy.core.request import Request, Unrecognised
from pytrust.policy.engine.body import Model, decode
from pytrust.policy.engine.call import Call, Malformed, Verdict
from pytrust.policy.engine.emit import serialise_head
from pytrust.policy.engine.models import ContainerCreate, ExecStart
from pytrust.policy.engine.normalise import normalise
from pytrust.policy.engine.rewrite import rewrite
from pytrust.policy.engine.routes import match
from pytrust.policy.engine.wire import RequestHead, require_json
from pytrust.policy.proxy.aftermath import Aftermath
from pytrust.policy.proxy.answers import EngineFailed, Reply
from pytrust.policy.proxy.barring import Barring
from pytrust.policy.proxy.browser import from_elsewhere
from pytrust.policy.proxy.client import Client
from pytrust.policy.proxy.delivering import Delivering
from pytrust.policy.proxy.headers import is_last, path_of, registry_auth, upgrade_headers
from pytrust.policy.proxy.job import Job, look_plan
from pytrust.policy.proxy.judge import Judge
from pytrust.policy.proxy.relay import Finish, Relay
from pytrust.policy.proxy.upstream import Engines
from pytrust.policy.proxy.words import capped, message, refusal
from pytrust.trust.errors import PytrustError

_VERSION: Final = re.compile(rb"[1-9]\.[0-9]{1,2}")
_OK: Final = 200


class Handler:
    """Serves the requests of all clients.

    Args:
        engines: connections to the engine.
        judge: decides.
        aftermath: what follows a yes.
        delivering: what containers get as secrets.
        say: tells the operator of faults of our own.
    """

    def __init__(
        self, engines: Engines, judge: Judge, aftermath: Aftermath, delivering: Delivering, say: Callable[[str], None]
    ) -> None:
        self.engines = engines
        self._judge, self._aftermath, self._delivering, self._say = judge, aftermath, delivering, say
        self._version = ""
        self.barring = Barring(judge, say)

    async def begin(self) -> None:
        """Get to know the engine, and clear away what is left of a time before; raises ``EngineFailed``."""
        try:
            await self.learn_version()
            await self._aftermath.tidy()
        finally:
            await self._delivering.begin()

    async def end(self) -> None:
        """Finish what was begun."""
        await self._aftermath.over()
        await self._delivering.end()
        self.engines.close()

    async def learn_version(self) -> str:
        """The API version of calls that name none: the engine's, within what is understood here.

        Raises:
            EngineFailed: no engine answers.
        """
        answer, _ = await self.engines.ask(serialise_head("GET", "/_ping", [], b""))
        version = capped(answer.get(b"api-version") or b"")
        if not _VERSION.fullmatch(version):
            raise EngineFailed(f"{self.engines.address} does not answer like a Docker engine")
        self._version = version.decode()
        return self._version

    def open(self, client: Client, head: RequestHead) -> Call | None:
        """Find the route; None where the request is refused before its body is read. Raises ``Malformed``."""
        if self._barred(client, head):
            return None
        if client.on_port and (why := from_elsewhere(head.headers, tls=client.credentials is not None)):
            raise Malformed(403, why)
        call = match(head.method, head.target)
        if call is None or call.route.verdict is Verdict.CLOSED or "fromSrc" in call.query:  # an import, with a tar
            client.spawn(self._guarded(client, _named(head, call), self._turn_away(client, head, call)))
            return None
        require_json(head)
        if head.upgrade and head.upgrade != call.route.upgrade.name.lower():
            raise Malformed(400, f"{call.route.what} cannot be upgraded to {head.upgrade}")
        return call

    def handle(self, client: Client, head: RequestHead, call: Call, body: bytes) -> None:
        """Serve one request whose body is there. Raises ``Malformed``."""
        if body and self._barred(client, head):  # a body takes its time, in which a certificate may be withdrawn
            return
        if call.route.verdict is Verdict.LOOK and not body and self._look(client, head, call):
            return
        client.spawn(self._guarded(client, call.route.what, self._serve(client, head, call, body)))

    def _barred(self, client: Client, head: RequestHead) -> bool:
        """Whether the client's certificate does not count; it is told so."""
        if (bad := client.bad) is None:
            return False
        client.spawn(self._guarded(client, "a certificate", self.barring.refuse(client, head, bad)))
        return True

    def _look(self, client: Client, head: RequestHead, call: Call) -> bool:
        """The short way; False where it takes the long one after all."""
        version = call.version or self._version
        if not version or call.route.what == "version":
            return False
        plan = look_plan(head.method, head.target, version)
        if not isinstance(self._judge.at_once(plan.request), Allow):
            return False
        connection = self.engines.at_hand()
        if connection is None:
            return False
        relay = Relay(client, connection, close=is_last(head))
        client.passes(relay)
        connection.send(plan.data, relay, bodiless=head.method == "HEAD")
        return True

    async def _guarded(self, client: Client, what: str, work: Awaitable[None]) -> None:
        """The long way; every outcome is an answer."""
        try:
            await work
        except Malformed as error:
            client.refuse(error.status, f"pytrust: {error}")
        except EngineFailed as error:
            self._version = ""
            client.refuse(502, f"pytrust: the engine failed: {error}")
        except PytrustError as error:
            self._say(f"error: {error}")
            client.refuse(503, f"pytrust: {error}")
        except Exception as error:  # noqa: BLE001 - one client's request must not end the proxy
            self._say(f"error: internal: {type(error).__name__} while serving {what}")
            client.refuse(500, "pytrust: internal error: its operator finds more in the proxy's output")

    async def _serve(self, client: Client, head: RequestHead, call: Call, body: bytes) -> None:
        model = decode(call.route.body, body)
        request = normalise(call, model)
        policy = self._judge.policy.version
        decision = await self._decide(call, request, client.caller)
        if isinstance(decision, Deny):
            status, text = refusal(decision.reasons)
            client.answer(status, message(text), head_only=head.method == "HEAD", close=is_last(head))
            return
        if bad := client.bad:  # withdrawn while facts were found out
            await self.barring.refuse(client, head, bad)
            return
        version = call.version or self._version or await self.learn_version()
        outgoing = rewrite(call, model, request, decision, version)
        await self._send(client, model, Job(head, call, request, decision, outgoing, version, policy))

    async def _decide(self, call: Call, request: Request, caller: str) -> Allow | Deny:
        if call.route.verdict is Verdict.LOOK and isinstance(decision := self._judge.at_once(request), Allow):
            return decision
        return await self._judge.settle(request, caller)

    async def _send(self, client: Client, model: Model | None, job: Job) -> None:
        match job.call.route.verdict:
            case Verdict.CREATE:
                reply = await self._create(job)
            case Verdict.START if delivery := job.allow.delivery:
                reply = await self._delivering.start(job.allow.container, delivery, lambda: self._whole(job))
            case Verdict.EXEC:
                reply = self._aftermath.exec_made(await self._whole(job), job.allow.container)
            case Verdict.MANAGE if job.call.route.method == "DELETE":
                reply = self._aftermath.removed(await self._whole(job), job.allow.container)
            case Verdict.LOOK if job.call.route.what == "version":
                reply = _capped_version(await self._whole(job))
            case _:
                await self._stream(client, job, detached=isinstance(model, ExecStart) and model.detached)
                return
        client.answer(reply.status, reply.body, close=is_last(job.head))

    async def _create(self, job: Job) -> Reply:
        sent, delivery = job.outgoing.model, job.allow.delivery
        assert isinstance(sent, ContainerCreate)
        if delivery:
            await self._delivering.prepare(delivery)
        try:
            reply = await self._whole(job)
        except EngineFailed:
            if delivery:
                self._delivering.discard(delivery)
            raise
        return self._aftermath.created(reply, job.allow, sent, job.policy)

    async def _whole(self, job: Job) -> Reply:
        answer, body = await self.engines.ask(job.data([]), timeout=None)
        return Reply(answer.status, body)

    async def _stream(self, client: Client, job: Job, *, detached: bool) -> None:
        """Send it, and let the answer flow."""
        headers = [] if detached else upgrade_headers(job.call.route.upgrade, job.head)
        if job.call.route.verdict is Verdict.PULL:
            headers += registry_auth(job.head)
        connection = await self.engines.acquire()
        relay = Relay(
            client,
            connection,
            close=is_last(job.head),
            wants_switch=bool(job.head.upgrade),
            finish=self._tagging(job) if job.call.route.verdict is Verdict.PULL else None,
        )
        client.passes(relay)
        if not connection.closed:
            upgrade = any(name == "Upgrade" for name, _ in headers)
            connection.send(job.data(headers), relay, upgrade=upgrade, bodiless=job.head.method == "HEAD")

    def _tagging(self, job: Job) -> Finish | None:
        """The last step of a pull; none where learning mode let an unpinned one through."""
        if not job.allow.pins:
            return None
        pin, version = job.allow.pins[0], job.version

        async def finish(erred: bool) -> bytes:
            return await self._aftermath.tag(pin, version, erred=erred)

        return finish

    async def _turn_away(self, client: Client, head: RequestHead, call: Call | None) -> None:
        """Refuse what no body can make allowed."""
        request = normalise(call, None) if call else Unrecognised(method=head.method, path=path_of(head.target))
        decision = await self._judge.settle(request, client.caller)
        assert isinstance(decision, Deny)
        client.refuse(*refusal(decision.reasons))


def _named(head: RequestHead, call: Call | None) -> str:
    return call.route.what if call else f"an unknown {head.method}"


def _capped_version(reply: Reply) -> Reply:
    """The engine's description of itself, but with no newer API than is understood here."""
    if reply.status != _OK:
        return reply
    answer = json.loads(reply.body)
    answer["ApiVersion"] = capped(str(answer.get("ApiVersion", "")).encode()).decode()
    return Reply(reply.status, json.dumps(answer).encode())
