"""A container registry as the scripts need it: a small client, and docker-registry as a process of our own.

Plain HTTP to loopback only. Whatever goes wrong is an exception that names the request.
"""

import hashlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
ACCEPT = ", ".join([INDEX, MANIFEST, DOCKER_LIST, DOCKER_MANIFEST])


class RegistryError(Exception):
    """A request that was not answered as it should have been."""


class Absent(RegistryError):
    """What was asked for is not there."""


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def fallback_tag(digest):
    """The tag that lists the referrers of `digest` in a registry without the referrers API."""
    return digest.replace(":", "-")


def blobs_of(manifest):
    """The descriptors of the blobs that a manifest, as parsed JSON, names; none of an index."""
    return [manifest["config"], *manifest["layers"]] if "layers" in manifest else []


class Registry:
    """A client of the registry at `host` (HOST:PORT). May be shared by threads: each has its own connection."""

    def __init__(self, host):
        self.host = host
        self._threads = threading.local()

    def _request(self, method, path, body=None, headers=None, expect=(200,)):
        for attempt in (1, 2):
            connection = getattr(self._threads, "connection", None)
            if connection is None:
                connection = self._threads.connection = http.client.HTTPConnection(self.host, timeout=60)
            try:
                connection.request(method, path, body=body, headers=headers or {})
                answer = connection.getresponse()
                data = answer.read()
                break
            except (http.client.HTTPException, OSError) as failure:
                # A connection that was idle may have been closed by the other side: once more on a fresh one.
                connection.close()
                self._threads.connection = None
                if attempt == 2:
                    raise RegistryError(f"{method} {self.host}{path}: {failure}") from failure
        if answer.status in expect:
            return answer, data
        kind = Absent if answer.status == 404 else RegistryError
        raise kind(f"{method} {self.host}{path}: status {answer.status}: {data[:300].decode(errors='replace')}")

    def get(self, path):
        return self._request("GET", path)[1]

    def manifest(self, repository, reference):
        """(media type, bytes) of a manifest. Bytes asked for by digest are compared with it."""
        answer, data = self._request("GET", f"/v2/{repository}/manifests/{reference}", headers={"Accept": ACCEPT})
        if reference.startswith("sha256:") and digest_of(data) != reference:
            raise RegistryError(f"{self.host}/{repository}@{reference}: other bytes came: {digest_of(data)}")
        return answer.getheader("Content-Type"), data

    def blob(self, repository, digest):
        data = self.get(f"/v2/{repository}/blobs/{digest}")
        if digest_of(data) != digest:
            raise RegistryError(f"{self.host}/{repository}@{digest}: other bytes came: {digest_of(data)}")
        return data

    def tags(self, repository):
        listed = json.loads(self.get(f"/v2/{repository}/tags/list"))
        return sorted(listed["tags"] or [])

    def put_blob(self, repository, digest, body):
        """`body` is bytes or an open file. A blob that is there is not sent again."""
        try:
            self._request("HEAD", f"/v2/{repository}/blobs/{digest}")
            return
        except Absent:
            pass
        answer, _ = self._request("POST", f"/v2/{repository}/blobs/uploads/", body=b"", expect=(202,))
        place = answer.getheader("Location").removeprefix(f"http://{self.host}")
        place += ("&" if "?" in place else "?") + "digest=" + digest
        length = len(body) if isinstance(body, bytes) else os.fstat(body.fileno()).st_size
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(length)}
        self._request("PUT", place, body=body, headers=headers, expect=(201,))

    def put_manifest(self, repository, reference, media_type, data):
        headers = {"Content-Type": media_type}
        self._request("PUT", f"/v2/{repository}/manifests/{reference}", body=data, headers=headers, expect=(201,))

    def everything(self, repository):
        """All manifests that tags lead to, through indexes: digest → (media type, bytes); and tag → digest."""
        found, tagged = {}, {}

        def walk(reference):
            media_type, data = self.manifest(repository, reference)
            digest = digest_of(data)
            if digest not in found:
                found[digest] = (media_type, data)
                for child in json.loads(data).get("manifests", []):
                    walk(child["digest"])
            return digest

        for tag in self.tags(repository):
            tagged[tag] = walk(tag)
        return found, tagged


class DockerRegistry:
    """A docker-registry with an empty store on a free loopback port, gone when the `with` block ends."""

    def __init__(self, scratch=None):
        self._scratch = scratch

    def __enter__(self):
        if not shutil.which("docker-registry"):
            raise RegistryError("docker-registry is not on this machine (Debian package docker-registry)")
        self._folder = tempfile.mkdtemp(prefix="registry-", dir=self._scratch)
        # Another process may take the port between our look and the registry's: then it ends, and we look again.
        for _ in range(5):
            if self._start():
                return self
        raise RegistryError(f"docker-registry does not start: {self._last_words()}")

    def _start(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.host = f"127.0.0.1:{port}"
        settings = {
            "version": "0.1",
            "storage": {"filesystem": {"rootdirectory": f"{self._folder}/store"}, "delete": {"enabled": True}},
            "http": {"addr": self.host},
            "log": {"level": "error", "accesslog": {"disabled": True}},
        }
        with open(f"{self._folder}/settings.yml", "w") as file:
            json.dump(settings, file)  # JSON is YAML
        with open(f"{self._folder}/log", "w") as log:
            self._process = subprocess.Popen(
                ["docker-registry", "serve", f"{self._folder}/settings.yml"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                Registry(self.host).get("/v2/")
                return True
            except RegistryError:
                time.sleep(0.02)
        self._end()
        return False

    def _last_words(self):
        with open(f"{self._folder}/log") as log:
            return log.read()[-500:]

    def _end(self):
        self._process.kill()
        self._process.wait()

    def __exit__(self, *_):
        self._end()
        shutil.rmtree(self._folder, ignore_errors=True)
