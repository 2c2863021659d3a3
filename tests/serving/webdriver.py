"""A headless Chromium, driven by chromedriver's own protocol: HTTP and JSON, nothing to install."""

import base64
import contextlib
import http.client
import json
import re
import shutil
import subprocess
import tempfile

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1160,900",
    "--force-device-scale-factor=1",
]
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # how the protocol names a reference


def missing():
    """Returns which programs aren't here."""
    return [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]


@contextlib.contextmanager
def browsing():
    """Yields a browser; its processes have ended afterwards."""
    driver = subprocess.Popen(
        [shutil.which("chromedriver"), "--port=0"], stdout=subprocess.PIPE, text=True
    )
    try:
        for line in driver.stdout:
            if found := re.search(r"successfully on port (\d+)", line):
                break
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            browser = Browser(int(found[1]), profile)
            try:
                yield browser
            finally:
                browser.quit()
    finally:
        driver.kill()
        driver.wait()
        driver.stdout.close()


class Browser:
    """One window."""

    def __init__(self, port, profile):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        options = {
            "binary": shutil.which("chromium"),
            "args": [*FLAGS, f"--user-data-dir={profile}"],
        }
        logs = {"performance": "ALL", "browser": "ALL"}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": logs}
        session = self._send("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._path = f"/session/{session['sessionId']}"

    def open(self, address):
        self._send("POST", f"{self._path}/url", {"url": address})

    def run(self, script, *arguments):
        """Returns what JavaScript returns."""
        return self._send(
            "POST", f"{self._path}/execute/sync", {"script": script, "args": list(arguments)}
        )

    def click(self, selector):
        self._send("POST", f"{self._path}/element/{self._find(selector)}/click", {})

    def type(self, selector, text):
        """Sends keys, or the path of a file to choose."""
        self._send("POST", f"{self._path}/element/{self._find(selector)}/value", {"text": text})

    def screenshot(self, path):
        path.write_bytes(base64.b64decode(self._send("GET", f"{self._path}/screenshot")))

    def log(self, kind):
        return self._send("POST", f"{self._path}/se/log", {"type": kind})

    def requested(self):
        """Returns every address that was asked since the last call."""
        events = (json.loads(entry["message"])["message"] for entry in self.log("performance"))
        return [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]

    def quit(self):
        self._send("DELETE", self._path)
        self._connection.close()

    def _find(self, selector):
        wanted = {"using": "css selector", "value": selector}
        return self._send("POST", f"{self._path}/element", wanted)[ELEMENT]

    def _send(self, method, path, body=None):
        contents = None if body is None else json.dumps(body)
        self._connection.request(method, path, contents, {"Content-Type": "application/json"})
        answer = json.loads(self._connection.getresponse().read())["value"]
        if isinstance(answer, dict) and "error" in answer:
            raise RuntimeError(f"{answer['error']}: {answer['message'].splitlines()[0]}")
        return answer
