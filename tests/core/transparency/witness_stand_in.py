"""A witness as https://c2sp.org/tlog-witness describes it, apart from the code that asks it."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from audit_provider.core.transparency.merkle import proves_consistency


@dataclass
class StandInWitness:
    """A witness of some logs.

    :ivar logs: origin to the raw public keys that may sign it. :ivar latest: origin to size and root.
    :ivar forced: answers that are given instead of its own, the first one next.
    """

    name: str = "witness.example/w1"
    logs: dict[str, list[bytes]] = field(default_factory=dict)
    latest: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    now: int = 1_772_323_200
    forced: list[tuple] = field(default_factory=list)
    seed: bytes = bytes(range(7, 39))

    @property
    def key(self):
        return Ed25519PrivateKey.from_private_bytes(self.seed)

    @property
    def verifier(self):
        raw = b"\x04" + self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        number = hashlib.sha256(self.name.encode() + b"\n" + raw).digest()[:4]
        return f"{self.name}+{number.hex()}+{base64.b64encode(raw).decode()}"

    def app(self, request):
        if self.forced:
            return self.forced.pop(0)
        if (request.method, request.path) != ("POST", "/add-checkpoint"):
            return 405, {}, b""
        above, _, note = request.body.decode().partition("\n\n")
        first, *proof = above.split("\n")
        old = int(re.fullmatch(r"old (0|[1-9][0-9]*)", first)[1])
        proof = [base64.b64decode(each, validate=True) for each in proof]
        text, _, signatures = note.rpartition("\n\n")
        text += "\n"
        origin, size, root = text.split("\n")[:3]
        size, root = int(size), base64.b64decode(root, validate=True)
        if origin not in self.logs:
            return 404, {}, b""
        if not self._is_signed(origin, text, signatures):
            return 403, {}, b""
        if old > size:
            return 400, {}, b""
        known, known_root = self.latest.get(origin, (0, b""))
        if old != known:
            return 409, {"Content-Type": "text/x.tlog.size"}, b"%d\n" % known
        if old == 0:
            consistent = not proof
        elif old == size:
            consistent = not proof and root == known_root
        else:
            consistent = proves_consistency(old, known_root, size, root, proof)
        if not consistent:
            return 422, {}, b""
        self.latest[origin] = size, root
        return 200, {"Content-Type": "text/plain"}, (self.cosigned(text) + "\n").encode()

    def cosigned(self, text):
        signature = self.key.sign(f"cosignature/v1\ntime {self.now}\n{text}".encode())
        number = bytes.fromhex(self.verifier.split("+", 2)[1])
        raw = number + self.now.to_bytes(8, "big") + signature
        return f"\N{EM DASH} {self.name} {base64.b64encode(raw).decode()}"

    def _is_signed(self, origin, text, signatures):
        for line in signatures.splitlines():
            _, name, encoded = line.split(" ")
            for key in self.logs[origin] if name == origin else ():
                try:
                    Ed25519PublicKey.from_public_bytes(key).verify(base64.b64decode(encoded)[4:], text.encode())
                except InvalidSignature:
                    continue
                return True
        return False
