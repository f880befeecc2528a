"""The checker that the documentation shows accepts what this package proves, and nothing else."""

from __future__ import annotations

import base64

import pytest
from cryptography.exceptions import InvalidSignature

from audit_provider.core.transparency.checkpoint import Checkpoint, SigningKey
from audit_provider.core.transparency.merkle import inclusion_proof, leaf_hash, range_of
from tests.documentation import ROOT, blocks

KEY, OTHER = SigningKey(bytes(range(32))), SigningKey(bytes(range(1, 33)))
LINES = [f'{{"id":"e{number}"}}' for number in range(21)]
LEAVES = [leaf_hash(each.encode()) for each in LINES]


@pytest.fixture(scope="module")
def check():
    (block,) = blocks("python", pages=[ROOT / "docs/evidence.md"])
    shown = {"__name__": "shown"}
    exec(compile(block.text, str(block), "exec"), shown)
    assert len(block.text.splitlines()) <= 40
    return shown["check"]


def proof_of(place, size, keys=(KEY,)):
    def subtree(begin, end):
        return range_of(LEAVES[begin:end], begin).root

    checkpoint = Checkpoint("logs.example.com/p/live/c", size, subtree(0, size))
    path = [base64.b64encode(each).decode() for each in inclusion_proof(place, size, subtree)]
    return {"line": LINES[place], "place": place, "path": path, "checkpoint": str(checkpoint.signed(keys))}


@pytest.mark.parametrize("size", [1, 2, 3, 8, 13, 21])
def test_it_accepts_every_proof(check, size):
    for place in range(size):
        origin, events, event = check(proof_of(place, size, (OTHER, KEY)), KEY.public.raw)
        assert (origin, events, event) == ("logs.example.com/p/live/c", size, {"id": f"e{place}"})


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"line": LINES[4]}, AssertionError),
        ({"place": 6}, AssertionError),
        ({"place": 13}, AssertionError),
        ({"path": proof_of(5, 13)["path"][:-1]}, AssertionError),
        ({"path": [*proof_of(5, 13)["path"], proof_of(5, 13)["path"][0]]}, AssertionError),
        ({"checkpoint": proof_of(5, 13)["checkpoint"].replace("\n13\n", "\n14\n")}, InvalidSignature),
        ({"checkpoint": proof_of(5, 12)["checkpoint"]}, AssertionError),
        ({"checkpoint": proof_of(5, 13, (OTHER,))["checkpoint"]}, ValueError),
    ],
)
def test_it_refuses_what_was_changed(check, change, error):
    with pytest.raises(error):
        check(proof_of(5, 13) | change, KEY.public.raw)
