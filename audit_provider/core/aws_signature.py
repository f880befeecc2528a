"""Requests signed for AWS (Signature Version 4), for services behind IAM.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from requests.auth import AuthBase

from audit_provider.core.aws_errors import CLOCK_WORDS, SESSION_WORDS, aws_error_of
from audit_provider.core.errors import CredentialError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from requests import PreparedRequest

_CONTENT_HASH = "X-Amz-Content-SHA256"
_SIGNED = ("Authorization", "X-Amz-Date", "X-Amz-Security-Token", _CONTENT_HASH)


class AwsSignature(AuthBase):
    """Signs every request with the current credentials.

    :param credentials: returns botocore credentials, which renew themselves, or None if there are none.
    :param region: region of the service.
    :param service: its name in signatures, for example ``es`` or ``aoss``.
    """

    def __init__(self, credentials: Callable[[], Any], region: str, service: str) -> None:
        self._credentials = credentials
        self._region = region
        self._service = service

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the signature to a request about to be sent.

        :raises CredentialError: there is no AWS credential, or its role may not be assumed.
        :raises UnavailableError: it could not be renewed.
        """
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            credentials = self._credentials()
            frozen = credentials.get_frozen_credentials() if credentials else None
        except ClientError as error:
            found = aws_error_of(error)
            if found.is_passing:
                remedy = CLOCK_WORDS if found.is_clock else "its token service is busy or down"
                raise UnavailableError(f"AWS gave no credential ({found.code}): {remedy}.") from None
            raise CredentialError(
                f"AWS gave no credential ({found.code}): "
                f"{SESSION_WORDS if found.is_session else 'check keys and role of the aws connection'}."
            ) from None
        except BotoCoreError as error:
            raise UnavailableError(
                f"AWS gave no credential ({type(error).__name__}): its token service or the network is down; "
                "everything is kept."
            ) from None
        if frozen is None:
            raise CredentialError("the aws connection has no credential: fill in its keys or role.")
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        # OpenSearch Serverless asks for the hash as a header; elsewhere it does no harm.
        headers = {_CONTENT_HASH: hashlib.sha256(body).hexdigest()}
        signed = AWSRequest(method=request.method, url=request.url, data=body, headers=headers)
        SigV4Auth(frozen, self._service, self._region).add_auth(signed)
        request.headers.update({name: signed.headers[name] for name in _SIGNED if name in signed.headers})
        return request
