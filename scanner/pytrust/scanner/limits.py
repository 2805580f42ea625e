"""Every size and count limit of the scanner, with its unit and its reason."""

from __future__ import annotations

from typing import Final

# A report of Trivy. Full scans of old distributions have 0.1 to 1.5 MB; 160 MB were seen, of secrets in minified files.
REPORT_MAX_BYTES: Final = 256 * 1024 * 1024
REPORT_VALUES_MAX: Final = 6_000_000  # one in 44 bytes of the largest; Trivy's own have one in 70
MEMBERS_MAX: Final = 1_000_000  # of the outer objects of a report; each result has some eight
SCORES_MAX_BYTES: Final = (
    64 * 1024
)  # the scores of one vulnerability, or what identifies a package; real ones have 1,000
RESULTS_MAX: Final = 100_000  # of one file; each lock file of an image is one, real images have some hundred
FINDINGS_MAX: Final = 1_000_000  # of one file; the largest has a place of 268 bytes for each, real ones take 2,000
TEXT_MAX_CHARS: Final = 8_192  # of a name, a version, a path; Linux's paths have 4,096 bytes
PURL_MAX_CHARS: Final = 4_096  # longer ones are as invalid ones: they fit nothing
REMEMBERED_MAX: Final = 100_000  # package URLs, and scores, that are remembered while one report is read
SHAPES_MAX: Final = 1_000  # sequences of keys that are remembered as sound; real reports have below 50
CACHED_MAX_CHARS: Final = 512  # of a text for which an answer is remembered, for as long as the process lives
REMARKS_MAX: Final = 100  # different ones of one report
QUOTE_MAX_CHARS: Final = 80  # of outside text in a message

# Lists that findings are looked up in.
EPSS_MAX_BYTES: Final = 64 * 1024 * 1024  # unpacked; 300,000 lines have 10 MB
EPSS_ROWS_MAX: Final = 2_000_000
KEV_MAX_BYTES: Final = 32 * 1024 * 1024  # 1,500 entries have 1.3 MB

# The scanner's program.
DATABASE_VERSION_MAX: Final = 2**31 - 1  # of its database's form; today's is 2
PROGRAM_MAX_BYTES: Final = 1024 * 1024 * 1024  # of its file; trivy has 200 MB

# VEX documents, and files that say what a scanner is to leave out.
VEX_MAX_BYTES: Final = 16 * 1024 * 1024  # those of whole distributions have some MB; one of an image some kB
VEX_STATEMENTS_MAX: Final = 20_000
IGNORE_MAX_BYTES: Final = 1024 * 1024
IGNORE_ENTRIES_MAX: Final = 10_000
