"""A headless Chromium, told what to do over its DevTools protocol."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import requests
from websockets.sync.client import connect

from tests.sessions import Watch

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
    "--window-size=1400,1000",
)


def installed() -> str:
    """Return why there is no Chromium, or "" where there is one; Debian's is installed where that is possible."""
    if shutil.which("chromium"):
        return ""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return "there is no chromium, and nobody here may install it: apt-get install chromium"
    command = ["apt-get", "install", "-y", "--no-install-recommends", "chromium"]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    )
    return "" if shutil.which("chromium") else f"chromium cannot be installed: {done.stderr.strip()[-200:]}"


_RESTS = """(async () => {{
  const e = {element}, frame = e.ownerDocument.defaultView.frameElement;
  e.scrollIntoView({{block: 'center'}});
  const place = () => {{
    const r = e.getBoundingClientRect(), o = frame ? frame.getBoundingClientRect() : {{x: 0, y: 0}};
    return {{x: o.x + r.x + r.width / 2, y: o.y + r.y + r.height / 2}};
  }};
  const moving = () => [e.ownerDocument, document].some(d => d.getAnimations().some(
    a => a.playState === 'running' && a.effect.target?.contains(e) && a.effect.getComputedTiming().endTime < Infinity));
  const before = place();
  for (let frames = 0; frames < 2; frames++) await new Promise(requestAnimationFrame);
  const after = place();
  return !moving() && before.x === after.x && before.y === after.y ? after : null;
}})()"""
"""The middle of an element once it has stopped moving: menus that are opening take no click."""


class Chromium:
    """One window. Waits are by what is seen, never by a fixed time.

    :param folder: an empty one, for the profile.
    """

    def __init__(self, folder: Path) -> None:
        profile = folder / "profile"
        command = ["chromium", *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        # A browser whose test was killed would stay for ever.
        self._watch = Watch()
        self._process = self._watch.start(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        port = _appears(lambda: (profile / "DevToolsActivePort").read_text().split()[0])
        self._http = requests.Session()
        self._http.trust_env = False
        pages = _appears(
            lambda: [
                each
                for each in self._http.get(f"http://127.0.0.1:{port}/json/list", timeout=5).json()
                if each["type"] == "page"
            ]
        )
        self._held = contextlib.ExitStack()
        self._socket = self._held.enter_context(connect(pages[0]["webSocketDebuggerUrl"], max_size=None, proxy=None))
        self._number = 0
        self.told: list[str] = []
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def close(self) -> None:
        """End the browser."""
        self._held.close()
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        self._process.kill()
        self._watch.close()

    def call(self, method: str, **parameters):
        """Call the protocol; return its answer."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(60))
            if message.get("id") == self._number:
                assert "error" not in message, (method, message["error"])
                return message["result"]
            self._note(message)

    def _note(self, message) -> None:
        parameters = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            self.told.append(str(parameters["exceptionDetails"]))
        if message.get("method") == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.told.append(f"{parameters['entry']['text']} {parameters['entry'].get('url', '')}")

    def run(self, script: str):
        """Return the value of an expression in the window."""
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def go(self, url: str) -> None:
        """Open an address."""
        self.call("Page.navigate", url=url)

    def see(self, script: str, patience: float = 180.0):
        """Wait until an expression is true; return its value."""
        until = time.monotonic() + patience
        while time.monotonic() < until:
            with contextlib.suppress(AssertionError):  # the page is just being replaced by the next one
                if value := self.run(script):
                    return value
            time.sleep(0.2)
        raise AssertionError(
            f"not seen in {patience:.0f} s: {script}; the page says: {self.run(TEXT)[:3000]}; {self.told}"
        )

    def click(self, element: str) -> None:
        """Press the mouse upon an element, given as an expression, also one within a frame."""
        self.see(f"(() => {{ const e = {element}; return e && !e.disabled && e.getClientRects().length > 0 }})()")
        place = self.see(_RESTS.format(element=element))
        self.call("Input.dispatchMouseEvent", type="mouseMoved", **place)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **place)

    def type(self, text: str) -> None:
        """Write into what has the focus."""
        self.call("Input.insertText", text=text)

    def press(self, key: str, code: int, text: str = "") -> None:
        """Press a key. :param text: what it writes, such as the end of a line, by which a link is followed."""
        written = {"text": text} if text else {}
        for kind in ("keyDown" if text else "rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **written)

    def dark(self, *, dark: bool) -> None:
        """Let the system prefer dark colours, or light ones."""
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[feature])

    def picture(self, path: Path) -> None:
        """Keep what the window shows."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


TEXT = "document.body.innerText + ' | ' + (document.querySelector('iframe')?.contentDocument?.body?.innerText ?? '')"


def _appears(look, patience: float = 60.0):
    until = time.monotonic() + patience
    while True:
        try:
            if found := look():
                return found
        except (OSError, IndexError):
            if time.monotonic() > until:
                raise
        time.sleep(0.1)
