"""The routes of the engine that are known and not let through, each with a way out.

Source: moby, daemon/server/router (API 1.56) and api/server/router (20.10).
"""

from __future__ import annotations

from typing import Final

from pytrust.policy.engine.call import Body, Route, Verdict

# A hint, and the operations that it is for. By the words "not supported" docker inspect, which asks for every kind of
# thing in turn, knows to go on.
_CLOSED: Final = {
    "build and sign the image on another host, and pull it here": """
        POST    /build                          image build
        POST    /build/cancel                   image build
        POST    /session                        image build
        POST    /grpc                           image build
        POST    /commit                         container commit
        POST    /images/load                    image load
    """,
    "push from the host that built the image": """
        POST    /images/{image}/push            image push
    """,
    "pull the image from its registry wherever it is needed": """
        GET     /images/get                     image save
        GET     /images/{image}/get             image save
    """,
    "ask the registry itself: pytrust inspect NAME": """
        GET     /images/search                  image search
        GET     /images/{image}/attestations    image attestations
        GET     /distribution/{image}/json      distribution inspect
    """,
    "let the docker client keep the login (credsStore, or auths in its config.json): pulls send it along": """
        POST    /auth                           login
    """,
    "exchange files through a volume, or with docker exec": """
        GET     /containers/{id}/export         container export
        HEAD    /containers/{id}/archive        container cp
        GET     /containers/{id}/archive        container cp
        PUT     /containers/{id}/archive        container cp
        POST    /containers/{id}/copy           container cp
    """,
    "stop the container, and start it again when it is needed": """
        GET     /containers/{id}/checkpoints                checkpoint list
        POST    /containers/{id}/checkpoints                checkpoint create
        DELETE  /containers/{id}/checkpoints/{checkpoint}   checkpoint rm
    """,
    "plugins are not supported here, they run as root outside of containers: ask the operator of this host": """
        GET     /plugins                        plugin list
        GET     /plugins/{image}/json           plugin inspect
        GET     /plugins/privileges             plugin privileges
        DELETE  /plugins/{image}                plugin rm
        POST    /plugins/{image}/enable         plugin enable
        POST    /plugins/{image}/disable        plugin disable
        POST    /plugins/pull                   plugin install
        POST    /plugins/{image}/push           plugin push
        POST    /plugins/{image}/upgrade        plugin upgrade
        POST    /plugins/{image}/set            plugin set
        POST    /plugins/create                 plugin create
    """,
    "swarms are not supported here, other hosts would decide what runs: run containers on each host": """
        POST    /swarm/init                     swarm init
        POST    /swarm/join                     swarm join
        POST    /swarm/leave                    swarm leave
        GET     /swarm                          swarm inspect
        GET     /swarm/unlockkey                swarm unlock-key
        POST    /swarm/update                   swarm update
        POST    /swarm/unlock                   swarm unlock
        GET     /services                       service list
        GET     /services/{id}                  service inspect
        POST    /services/create                service create
        POST    /services/{id}/update           service update
        DELETE  /services/{id}                  service rm
        GET     /services/{id}/logs             service logs
        GET     /nodes                          node list
        GET     /nodes/{id}                     node inspect
        DELETE  /nodes/{id}                     node rm
        POST    /nodes/{id}/update              node update
        GET     /tasks                          task list
        GET     /tasks/{id}                     task inspect
        GET     /tasks/{id}/logs                task logs
        GET     /secrets                        secret list
        POST    /secrets/create                 secret create
        DELETE  /secrets/{id}                   secret rm
        GET     /secrets/{id}                   secret inspect
        POST    /secrets/{id}/update            secret update
        GET     /configs                        config list
        POST    /configs/create                 config create
        DELETE  /configs/{id}                   config rm
        GET     /configs/{id}                   config inspect
        POST    /configs/{id}/update            config update
        PUT     /volumes/{id}                   volume update
    """,
    "the engine's memory is for the operator of this host": """
        GET     /debug/vars                     debug
        GET     /debug/pprof                    debug
        GET     /debug/pprof/cmdline            debug
        GET     /debug/pprof/profile            debug
        GET     /debug/pprof/symbol             debug
        GET     /debug/pprof/trace              debug
        GET     /debug/pprof/{id}               debug
    """,
}


def _row(line: str, hint: str) -> Route:
    method, path, what = line.split(maxsplit=2)
    template = tuple(path[1:].split("/"))
    return Route(method, template, what, Verdict.CLOSED, body=Body.CLOSED, hint=hint)


CLOSED_ROUTES: Final = tuple(_row(line, hint) for hint, lines in _CLOSED.items() for line in lines.strip().splitlines())
