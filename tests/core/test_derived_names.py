"""Names in a sentence, and how they leave it."""

from __future__ import annotations

import pytest

from audit_provider.core.model import Fields
from audit_provider.core.records.derived_names import Name, digest_of, hidden_roles, paths_of, sentence, without

FIELDS = Fields("id", "at", action="type", actor_email="actor.email", actor_id="actor.id | by.0.id", ip="context.ip")


def test_a_sentence_knows_where_its_names_are():
    text, names = sentence(("action", "drop"), " happened once, by ", ("actor", "a"), ", ", ("actor", "Zoë"), ".")
    assert text == "drop happened once, by a, Zoë."
    assert names == (Name("action", 0, 4), Name("actor", 23, 24), Name("actor", 26, 29))
    assert without(text, names, {}) == text
    assert without(text, names, {"actor": "drop"}) == "drop happened once, by (removed), (removed)."
    hashed = without(text, names, {"actor": "hash", "address": "drop"})
    assert hashed == f"drop happened once, by {digest_of('a')}, {digest_of('Zoë')}."


@pytest.mark.parametrize(
    ("drop", "hashed", "hidden"),
    [
        ([], [], {}),
        (["nothing.of.it"], [], {}),
        (["actor.email.domain"], [], {}),
        (["actor.email"], [], {"actor": "drop"}),
        ([], ["actor.email"], {"actor": "hash"}),
        (["actor.id"], ["actor.email"], {"actor": "drop"}),
        ([], ["actor"], {"actor": "hash"}),
        ([], ["actor.*"], {"actor": "hash"}),
        ([], ["by.id"], {"actor": "hash"}),
        ([], ["by.*.id"], {"actor": "hash"}),
        ([], ["*.email"], {"actor": "hash"}),
        (["*.*"], [], {"actor": "drop", "address": "drop"} | {"action": "drop"}),
        (["*.ip"], ["*.type"], {"address": "drop", "action": "hash"}),
        (["0.context.1.ip"], [], {"address": "drop"}),
        (["ip"], ["email"], {}),
        (["context"], ["type"], {"address": "drop", "action": "hash"}),
        (["*"], [], {"actor": "drop", "address": "drop", "action": "drop"}),
    ],
)
def test_a_name_is_hidden_where_what_it_may_come_from_is(drop, hashed, hidden):
    answers = {"answer": "drop"} if drop or hashed else {}
    assert hidden_roles(drop, hashed, paths_of(FIELDS)) == hidden | answers
