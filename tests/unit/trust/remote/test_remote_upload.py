"""What is sent to a trust server is what a trust server reads, and each of its answers has a meaning."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.trust.errors import AccessDenied, Conflict, NotFound, PytrustError, Refused, ServerError
from pytrust.trust.http import Response
from pytrust.trust.remote.upload import encode_upload, refusal
from pytrust.trust.server.refusals import Code, Name, Refusal
from pytrust.trust.server.upload import UploadReader

ROLES = st.sampled_from(["root", "targets", "targets/releases", "targets/alice", "snapshot"])


@given(st.dictionaries(ROLES, st.binary(min_size=1, max_size=300)))
def test_a_server_reads_the_files_that_were_sent(files: dict[str, bytes]) -> None:
    kind, body = encode_upload(files)
    reader = UploadReader(kind.encode())
    reader.feed(body)
    assert dict(reader.finish()) == files


def answer(status: int, body: bytes) -> Response:
    return Response(status, {}, body)


VERSION = Refusal(Code.VERSION, "targets is at version 7").body()
ROOT = Refusal(Code.INVALID_UPDATE, "the certificate ended", name=Name.BAD_ROOT).body()


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (400, VERSION, Conflict, "targets is at version 7"),
        (400, ROOT, Refused, "the certificate ended"),
        (400, b'{"errors":[{"code":"NO_FILENAME","message":"no name"}]}\n', Refused, "no name"),
        (400, b"<html>", Refused, "without a reason"),
        (400, b'{"errors":[]}', Refused, "without a reason"),
        (400, b"[" * 5000, Refused, "without a reason"),
        (401, b"", AccessDenied, "does not let us publish"),
        (403, b"", AccessDenied, "does not let us publish"),
        (404, b"", NotFound, "is no trust server"),
        (201, b"", ServerError, "answered 201"),
        (503, VERSION, ServerError, "answered 503"),
    ],
)
def test_answers(status: int, body: bytes, kind: type[PytrustError], said: str) -> None:
    error = refusal("https://trust.example.com", answer(status, body))
    assert type(error) is kind
    assert said in str(error)
    assert error.hint or kind is Refused
