"""How deep JSON is nested: some stores read each level by a call of its own, and their stack is not endless."""

from __future__ import annotations

import re

_MARK = re.compile(rb'"(?:[^"\\]|\\.)*"|([\[{])|[\]}]', re.DOTALL)


def is_deeper(content: bytes, most: int) -> bool:
    """Whether valid JSON is nested more than ``most`` levels deep.

    Where it has no more opening brackets than that, texts included, it is not looked at further.
    """
    if content.count(b"{") + content.count(b"[") <= most:
        return False
    depth = 0
    for mark in _MARK.finditer(content):
        if mark[1]:
            depth += 1
            if depth > most:
                return True
        elif mark[0] in b"]}":
            depth -= 1
    return False
