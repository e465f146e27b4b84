"""A corpus in a registry of its own, and bundle at work on it."""

import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass

from layout import Layout, bare, push
from measure import measured, process
from registry import MANIFEST, DockerRegistry, Registry, blobs_of
from signing import key_pair, sign_by_tag

CORPUS = os.path.realpath(os.path.join(os.path.dirname(__file__), "../corpus"))
LAYERS_OF_AN_ARTIFACT = 500
SMALL = 2048


@dataclass
class Corpus:
    host: str  # of the registry that has it
    images: list  # REPOSITORY:TAG
    public: str  # the file of the key that signed them
    blobs: dict  # digest → (repository, size) of all that the images hold, signatures aside

    @property
    def size(self):
        return sum(size for _, size in self.blobs.values())


def need_room(folder, gigabytes, what):
    """Ends the program, saying so, when `folder` has no room for that."""
    free = shutil.disk_usage(folder).free / 1e9
    if free < gigabytes:
        sys.exit(f"bench: left out: {what} needs {gigabytes} GB in {folder}, which has {free:.0f} (--scratch DIR)")


@contextlib.contextmanager
def made_corpus(scratch, size):
    """That of scripts/corpus."""

    def make(folder, host, key):
        subprocess.run([CORPUS, size, folder, "--registry", host, "--sign", key], check=True)
        with open(f"{folder}/images.txt") as file:
            return file.read().split()

    with _registry_with(scratch, make) as corpus:
        yield corpus


@contextlib.contextmanager
def small_blobs(scratch, count):
    """`count` blobs of 2 KiB, in one signed artifact for each 500 of them."""
    with _registry_with(scratch, lambda *where: _small_artifacts(*where, count)) as corpus:
        yield corpus


@contextlib.contextmanager
def _registry_with(scratch, make):
    with tempfile.TemporaryDirectory(prefix="corpus-", dir=scratch) as folder, DockerRegistry(scratch) as source:
        key, public = key_pair(folder, "release")
        images = make(folder, source.host, key)
        shutil.rmtree(f"{folder}/layout")
        yield Corpus(source.host, images, public, _distinct_blobs(source.host, images))


def _small_artifacts(folder, host, key, count):
    layout, registry, names = Layout(f"{folder}/layout"), Registry(host), []
    noise = random.Random(count)
    empty = layout.put(b"{}", "application/vnd.oci.empty.v1+json")
    for first in range(0, count, LAYERS_OF_AN_ARTIFACT):
        length = min(LAYERS_OF_AN_ARTIFACT, count - first)
        layers = [layout.put(noise.randbytes(SMALL), "application/octet-stream") for _ in range(length)]
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": "application/vnd.example.pieces",
            "config": empty,
            "layers": layers,
        }
        artifact = bare(layout.put_json(manifest, MANIFEST))
        repository = f"small/pieces{len(names)}"
        push(layout, registry, artifact, repository, "1.0")
        sign_by_tag(key, f"{host}/{repository}@{artifact['digest']}", folder)
        names.append(f"{repository}:1.0")
    return names


def _distinct_blobs(host, images):
    registry, blobs = Registry(host), {}

    def walk(repository, reference):
        manifest = json.loads(registry.manifest(repository, reference)[1])
        for child in manifest.get("manifests", []):
            walk(repository, child["digest"])
        for blob in blobs_of(manifest):
            blobs.setdefault(blob["digest"], (repository, blob["size"]))

    for image in images:
        walk(*image.rsplit(":", 1))
    return blobs


def run_bundle(bundle, corpus, scratch):
    """The costs of packing the corpus and of unpacking that into a fresh registry."""
    with tempfile.TemporaryDirectory(prefix="bundle-", dir=scratch) as folder:
        archive = f"{folder}/images.tar.zst"
        sources = [f"{corpus.host}/{image}" for image in corpus.images]
        os.sync()
        command = [bundle, "pack", *sources, "--key", corpus.public, "-o", archive]
        pack = measured(lambda: process(command, folder), folder)
        os.sync()
        with DockerRegistry(scratch) as target:
            command = [bundle, "unpack", archive, "--key", corpus.public, "--to", target.host, "--root", folder]
            return pack, measured(lambda: process(command, folder), folder)
