"""The routes that are let through, as far as the policy allows: every one with the query keys a client may send.

Source: moby, daemon/server/router (20.10 to API 1.51). What is not here or in ``routes_closed`` is denied unread.
"""

from __future__ import annotations

from typing import Final

from pytrust.policy.engine.call import Body, Route, Upgrade, Verdict

_LOOK, _CHANGE, _MANAGE, _START = Verdict.LOOK, Verdict.CHANGE, Verdict.MANAGE, Verdict.START
_ATTACH = "detachKeys logs stream stdin stdout stderr"


def _row(  # noqa: PLR0913, PLR0917 - a row has these columns
    method: str,
    path: str,
    what: str,
    verdict: Verdict,
    query: str = "",
    repeatable: str = "",
    body: Body = Body.NONE,
    upgrade: Upgrade = Upgrade.NEVER,
) -> Route:
    """``query`` and ``repeatable`` are keys between spaces."""
    more = frozenset(repeatable.split())
    return Route(
        method, tuple(path[1:].split("/")), what, verdict, frozenset(query.split()) | more, more, body, upgrade
    )


_SYSTEM: Final = (
    _row("GET", "/_ping", "ping", _LOOK),
    _row("HEAD", "/_ping", "ping", _LOOK),
    _row("GET", "/version", "version", _LOOK),
    _row("GET", "/info", "info", _LOOK),
    _row("GET", "/events", "events", _LOOK, "since until filters"),
    _row("GET", "/system/df", "system df", _LOOK, repeatable="type"),
)

_CONTAINERS: Final = (
    _row("GET", "/containers/json", "container list", _LOOK, "all limit size since before filters"),
    _row("GET", "/containers/{id}/json", "container inspect", _LOOK, "size"),
    _row("GET", "/containers/{id}/top", "container top", _LOOK, "ps_args"),
    _row(
        "GET",
        "/containers/{id}/logs",
        "container logs",
        _LOOK,
        "follow stdout stderr since until timestamps tail details",
    ),
    _row("GET", "/containers/{id}/stats", "container stats", _LOOK, "stream one-shot"),
    _row("GET", "/containers/{id}/changes", "container diff", _LOOK),
    _row("POST", "/containers/{id}/wait", "container wait", _LOOK, "condition"),
    _row("POST", "/containers/create", "container create", Verdict.CREATE, "name platform", body=Body.CONTAINER),
    _row("POST", "/containers/{id}/start", "container start", _START, "detachKeys checkpoint checkpoint-dir"),
    _row("POST", "/containers/{id}/restart", "container restart", _START, "t signal"),
    _row("POST", "/containers/{id}/unpause", "container unpause", _START),
    _row("POST", "/containers/{id}/stop", "container stop", _MANAGE, "t signal"),
    _row("POST", "/containers/{id}/kill", "container kill", _MANAGE, "signal"),
    _row("POST", "/containers/{id}/pause", "container pause", _MANAGE),
    _row("POST", "/containers/{id}/resize", "container resize", _MANAGE, "h w"),
    _row("DELETE", "/containers/{id}", "container rm", _MANAGE, "v force link"),
    _row("POST", "/containers/{id}/rename", "container rename", Verdict.RENAME, "name"),
    _row("POST", "/containers/{id}/update", "container update", Verdict.UPDATE, body=Body.UPDATE),
    _row("POST", "/containers/{id}/attach", "container attach", Verdict.ATTACH, _ATTACH, upgrade=Upgrade.TCP),
    _row(
        "GET",
        "/containers/{id}/attach/ws",
        "container attach over a websocket",
        Verdict.ATTACH,
        _ATTACH,
        upgrade=Upgrade.WEBSOCKET,
    ),
    _row("POST", "/containers/{id}/exec", "container exec", Verdict.EXEC, body=Body.EXEC),
    _row("POST", "/containers/prune", "container prune", _CHANGE, "filters"),
    _row("POST", "/exec/{id}/start", "exec start", Verdict.EXEC_USE, body=Body.EXEC_START, upgrade=Upgrade.TCP),
    _row("POST", "/exec/{id}/resize", "exec resize", Verdict.EXEC_USE, "h w"),
    _row("GET", "/exec/{id}/json", "exec inspect", Verdict.EXEC_USE),
)

_IMAGES: Final = (
    _row("GET", "/images/json", "image list", _LOOK, "all filters filter digests shared-size manifests"),
    _row("GET", "/images/{image}/json", "image inspect", _LOOK, "manifests platform"),
    _row("GET", "/images/{image}/history", "image history", _LOOK, "platform"),
    _row(
        "POST",
        "/images/create",
        "image pull",
        Verdict.PULL,
        "fromImage tag platform fromSrc repo message",  # the last three are an import's, and told from a pull later
        "changes",
    ),
    _row("POST", "/images/{image}/tag", "image tag", Verdict.TAG, "repo tag"),
    _row("DELETE", "/images/{image}", "image rm", _CHANGE, "force noprune", "platforms"),
    _row("POST", "/images/prune", "image prune", _CHANGE, "filters"),
    _row(
        "POST",
        "/build/prune",
        "build prune",
        _CHANGE,
        "all filters keep-storage max-used-space min-free-space reserved-space",
    ),
)

_NETWORKS: Final = (
    _row("GET", "/networks", "network list", _LOOK, "filters"),
    _row("GET", "/networks/{id}", "network inspect", _LOOK, "verbose scope"),
    _row("POST", "/networks/create", "network create", Verdict.NETWORK_CREATE, body=Body.NETWORK),
    _row("POST", "/networks/{id}/connect", "network connect", Verdict.NETWORK_CONNECT, body=Body.NETWORK_CONNECT),
    _row("POST", "/networks/{id}/disconnect", "network disconnect", _MANAGE, body=Body.NETWORK_DISCONNECT),
    _row("DELETE", "/networks/{id}", "network rm", _CHANGE),
    _row("POST", "/networks/prune", "network prune", _CHANGE, "filters"),
)

_VOLUMES: Final = (
    _row("GET", "/volumes", "volume list", _LOOK, "filters"),
    _row("GET", "/volumes/{id}", "volume inspect", _LOOK),
    _row("POST", "/volumes/create", "volume create", Verdict.VOLUME_CREATE, body=Body.VOLUME),
    _row("DELETE", "/volumes/{id}", "volume rm", _CHANGE, "force"),
    _row("POST", "/volumes/prune", "volume prune", _CHANGE, "filters"),
)

OPEN_ROUTES: Final = (*_SYSTEM, *_CONTAINERS, *_IMAGES, *_NETWORKS, *_VOLUMES)
