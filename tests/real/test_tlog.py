"""Go's packages for transparency logs accept what is written here: notes, proofs of inclusion and of consistency."""

from __future__ import annotations

import base64
import json
import random
import subprocess
from pathlib import Path

import pytest

from audit_provider.core.transparency.checkpoint import Checkpoint, SigningKey
from audit_provider.core.transparency.merkle import consistency_proof, inclusion_proof, leaf_hash, range_of
from tests.real.obtaining import UnobtainableError, from_go

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

ORIGIN = "logs.example.com/slack/live/20260301T000000Z-aaaa"
KEY, NEXT, STRANGER = (SigningKey(bytes([number]) * 32) for number in (1, 2, 3))
SIZES = (1, 2, 3, 5, 8, 13, 64, 100, 257)


@pytest.fixture(scope="module")
def checker():
    try:
        built = from_go(Path(__file__).parent / "transparency", "transparency", "1")
    except UnobtainableError as error:
        pytest.skip(str(error))
    return built.program("transparency")


def encoded(hashes):
    return [base64.b64encode(each).decode() for each in hashes]


@pytest.fixture(scope="module")
def written():
    """Checkpoints of a log at several sizes, every proof of inclusion, and of consistency between any two."""
    dice = random.Random(4)
    lines = [dice.randbytes(dice.randrange(1, 900)) for _ in range(max(SIZES))]
    leaves = [leaf_hash(each) for each in lines]

    def subtree(begin, end):
        return range_of(leaves[begin:end], begin).root

    keys = {1: [NEXT], 2: [KEY, NEXT]}
    return {
        "keys": [KEY.public.verifier(ORIGIN), NEXT.public.verifier(ORIGIN)],
        "checkpoints": [
            str(Checkpoint(ORIGIN, size, subtree(0, size)).signed(keys.get(size, [KEY]))) for size in SIZES
        ],
        "inclusion": {
            str(number): [
                {
                    "leaf": base64.b64encode(lines[place]).decode(),
                    "place": place,
                    "proof": encoded(inclusion_proof(place, size, subtree)),
                }
                for place in range(size)
            ]
            for number, size in enumerate(SIZES)
        },
        "consistency": [
            {"old": old, "new": new, "proof": encoded(consistency_proof(SIZES[old], SIZES[new], subtree))}
            for new in range(len(SIZES))
            for old in range(new + 1)
        ],
    }


def run(checker, given):
    return subprocess.run([checker], input=json.dumps(given), capture_output=True, text=True, check=False)


def test_go_accepts_checkpoints_and_proofs(checker, written):
    done = run(checker, written)
    count = len(SIZES) + sum(SIZES) + len(written["consistency"])
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{count}\n", "")


@pytest.mark.parametrize("what", ["signature", "inclusion", "consistency", "root"])
def test_go_refuses_what_was_changed(checker, written, what):
    changed = json.loads(json.dumps(written))
    if what == "signature":
        changed["keys"] = [STRANGER.public.verifier(ORIGIN)]
    elif what == "inclusion":
        changed["inclusion"]["6"][9]["place"] = 10
    elif what == "consistency":
        changed["consistency"][-2]["proof"][0] = encoded([bytes(32)])[0]
    else:
        changed["checkpoints"][4] = str(Checkpoint(ORIGIN, 8, bytes(32)).signed([KEY]))
    done = run(checker, changed)
    assert done.returncode == 1
    assert done.stderr
