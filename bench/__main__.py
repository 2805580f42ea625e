"""``python -m bench [NAME...]``: all benchmarks, or those whose names start with one of the words."""

from __future__ import annotations

import sys

from bench import (
    journal,
    notary,
    pki,
    profiles,
    profiles_programs,
    profiles_proxy,
    profiles_record,
    profiles_static,
    proxy,
    proxy_core,
    scan_fleet,
    scan_gate,
    scan_parse,
    tls,
    trust,
    vault,
)

_ALL = {
    **trust.BENCHES,
    **pki.BENCHES,
    **proxy_core.BENCHES,
    **proxy.BENCHES,
    **tls.BENCHES,
    **notary.BENCHES,
    **vault.BENCHES,
    **profiles_programs.BENCHES,
    **profiles.BENCHES,
    **profiles_proxy.BENCHES,
    **profiles_record.BENCHES,
    **profiles_static.BENCHES,
    **journal.BENCHES,
    **scan_parse.BENCHES,
    **scan_gate.BENCHES,
    **scan_fleet.BENCHES,
}


def main(words: list[str]) -> int:
    """Run the chosen benchmarks."""
    chosen = [run for name, run in _ALL.items() if not words or any(name.startswith(word) for word in words)]
    for run in chosen:
        run()
    return 0 if chosen else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
