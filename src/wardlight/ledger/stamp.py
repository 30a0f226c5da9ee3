"""Time stamps of checkpoints by an authority outside (RFC 3161): the log was there at that time, at the latest.

A checkpoint and its stamp lie side by side, `stamp/<size>.checkpoint` and `.tsr`, as `openssl ts -verify` wants them.
"""

from __future__ import annotations

import httpx
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder, decode_timestamp_response
from rfc3161_client.tsp import PKIStatus

from wardlight.problems import BadInput, Unavailable

_GRANTED = (PKIStatus.GRANTED, PKIStatus.GRANTED_WITH_MODS)


def stamp(data: bytes, url: str, client: httpx.Client) -> bytes:
    """Have data stamped; return the authority's answer, whose signature an auditor checks with its certificate.

    Raises Unavailable, and BadInput when the answer stamps something else.
    """
    request = TimestampRequestBuilder(data, HashAlgorithm.SHA256).build()
    headers = {"Content-Type": "application/timestamp-query"}
    try:
        answer = client.post(url, content=request.as_bytes(), headers=headers)
    except httpx.HTTPError as error:
        raise Unavailable(f"the time stamp authority can't be reached: {error}") from error
    if not answer.is_success:
        raise Unavailable(f"the time stamp authority answers {answer.status_code}")
    try:
        response = decode_timestamp_response(answer.content)
        if response.status not in _GRANTED:
            raise Unavailable(f"the time stamp authority refuses, with status {response.status}")
        found = response.tst_info
        same = found.nonce == request.nonce and found.message_imprint.message == request.message_imprint.message
    except ValueError as error:
        raise BadInput("the time stamp authority's answer can't be read") from error
    if not same:
        raise BadInput("the time stamp authority has stamped something else")
    return answer.content
