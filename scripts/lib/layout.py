"""An OCI image layout as the scripts write it: blobs by digest, images in an index, layers from files or words."""

import concurrent.futures
import gzip
import io
import json
import os
import subprocess
import tarfile

from registry import INDEX, MANIFEST, blobs_of, digest_of

CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
REFERENCE = "org.opencontainers.image.ref.name"
# The repository of a manifest that has no tag: how `bundle serve --store` keeps what was pushed by digest.
REPOSITORY = "dev.bundle.repository"


class Layout:
    def __init__(self, folder):
        self.folder = folder
        self.manifests = []
        os.makedirs(f"{folder}/blobs/sha256", exist_ok=True)

    def path(self, digest):
        return f"{self.folder}/blobs/sha256/{digest.removeprefix('sha256:')}"

    def put(self, data, media_type):
        """Keeps `data` and gives its descriptor."""
        digest = digest_of(data)
        if not os.path.exists(self.path(digest)):
            with open(self.path(digest), "wb") as file:
                file.write(data)
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    def put_json(self, value, media_type):
        return self.put(json.dumps(value, separators=(",", ":")).encode(), media_type)

    def read(self, digest):
        with open(self.path(digest), "rb") as file:
            return file.read()

    def name(self, descriptor, reference):
        self.manifests.append({**descriptor, "annotations": {REFERENCE: reference}})

    def keep(self, descriptor, repository):
        """A manifest of `repository` that no tag names."""
        self.manifests.append({**descriptor, "annotations": {REPOSITORY: repository}})

    def close(self):
        with open(f"{self.folder}/oci-layout", "w") as file:
            file.write('{"imageLayoutVersion":"1.0.0"}')
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": self.manifests}
        with open(f"{self.folder}/index.json", "w") as file:
            json.dump(index, file, indent=2)
            file.write("\n")


def archive(entries):
    """A tar of (name, bytes) pairs, the same for the same pairs: no owner, no times."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in entries:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def layer(layout, tar, how="gzip"):
    """Keeps a tar as a layer, packed as said: (descriptor, digest of the tar)."""
    if how == "raw":
        return layout.put(tar, LAYER), digest_of(tar)
    if how == "gzip":
        return layout.put(gzip.compress(tar, 6, mtime=0), LAYER + "+gzip"), digest_of(tar)
    if how == "stored":  # gzip that does not shrink: the words in it can be read in the file
        return layout.put(gzip.compress(tar, 0, mtime=0), LAYER + "+gzip"), digest_of(tar)
    packed = subprocess.run(["zstd", "-q", "-3", "-c"], input=tar, stdout=subprocess.PIPE, check=True).stdout
    return layout.put(packed, LAYER + "+zstd"), digest_of(tar)


def image(layout, layers, architecture, created, variant=None):
    """Keeps config and manifest of an image of these layers; its descriptor, platform included."""
    platform = {"architecture": architecture, "os": "linux"}
    if variant:
        platform["variant"] = variant
    config = {
        **platform,
        "created": created,
        "config": {"Cmd": ["/bin/sh"]},
        "rootfs": {"type": "layers", "diff_ids": [tar for _, tar in layers]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": layout.put_json(config, CONFIG),
        "layers": [descriptor for descriptor, _ in layers],
    }
    return {**layout.put_json(manifest, MANIFEST), "platform": platform}


def index(layout, images):
    return layout.put_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": images}, INDEX)


def bare(descriptor):
    """A descriptor without the platform: what an entry of index.json says of an image."""
    return {key: descriptor[key] for key in ("mediaType", "digest", "size")}


def push(layout, registry, entry, repository, tag):
    """Sends one named entry with all it holds: children, blobs, then itself under its tag."""

    def send_blob(blob):
        with open(layout.path(blob["digest"]), "rb") as file:
            registry.put_blob(repository, blob["digest"], file)

    def send(descriptor, reference):
        data = layout.read(descriptor["digest"])
        content = json.loads(data)
        for child in content.get("manifests", []):
            send(child, child["digest"])
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(send_blob, blobs_of(content)))
        registry.put_manifest(repository, reference, descriptor["mediaType"], data)

    send(entry, tag)
