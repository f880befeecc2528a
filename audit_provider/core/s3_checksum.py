"""The checksum that a PUT to S3 carries. https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html

Without one, botocore computes it while it sends, and over https sends the body in frames with the checksum behind them
(``aws-chunked``). A store that speaks S3's API and does not know these frames answers 200 and stores the frames as the
object. A checksum in a header has S3 compare it all the same, and leaves the body as it is.
"""

from __future__ import annotations

import base64
import zlib


def checksum_of(body: bytes) -> dict[str, str]:
    """Return the arguments of boto3's ``put_object`` that say the checksum of ``body``."""
    crc = zlib.crc32(body).to_bytes(4, "big")
    return {"ChecksumAlgorithm": "CRC32", "ChecksumCRC32": base64.b64encode(crc).decode()}
