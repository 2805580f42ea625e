"""What can be wrong with a report: each has an exit code of its own, so that "denied" is never "could not read"."""

from __future__ import annotations

from pytrust.trust.errors import ExitCode, Refused


class BadReport(Refused):
    """No report of a scanner that is known here, or one that contradicts itself."""

    code = "bad-report"
    exit_code = ExitCode.BAD_REPORT
    advice = "let trivy write it: trivy image --format json --output report.json IMAGE"


class StaleScan(Refused):
    """The scan, or the database that it used, is older than the rules allow, or from the future."""

    code = "stale-scan"
    exit_code = ExitCode.STALE_SCAN
    advice = "scan again: pytrust scan run IMAGE"


class OtherImage(Refused):
    """The report is not of this image, or does not say of which it is."""

    code = "other-image"
    exit_code = ExitCode.OTHER_IMAGE
    advice = "scan the image by its digest: pytrust scan run IMAGE"
