"""The least that moving an image's blobs can cost: curl for the wire, openssl for the hashes, no fsync."""

import concurrent.futures
import os
import subprocess
import tempfile

from measure import measured, process
from registry import DockerRegistry

DOWN_AT_ONCE = 8
UP_AT_ONCE = 4


def floor_pack(host, blobs, folder):
    os.makedirs(f"{folder}/blobs")
    with open(f"{folder}/curl", "w") as settings:
        for digest, (repository, _) in blobs.items():
            settings.write(f'url = "http://{host}/v2/{repository}/blobs/{digest}"\n')
            settings.write(f'output = "{folder}/blobs/{digest[7:]}"\n')
    process(["curl", "-sSfZ", "--parallel-max", str(DOWN_AT_ONCE), "-K", f"{folder}/curl"], folder)
    names = "".join(f"{folder}/blobs/{digest[7:]}\n" for digest in blobs)
    each = max(1, min(64, len(blobs) // os.cpu_count() // 4))
    subprocess.run(
        ["xargs", "-P", str(os.cpu_count()), "-n", str(each), "openssl", "dgst", "-sha256"],
        input=names, text=True, stdout=subprocess.DEVNULL, check=True,
    )


def floor_unpack(host, blobs, folder):
    def curl(*arguments):
        return subprocess.run(["curl", "-sSf", *arguments], capture_output=True, text=True, check=True).stdout

    def put(item):
        digest, (repository, _) = item
        opened = f"http://{host}/v2/{repository}/blobs/uploads/"
        place = curl("-X", "POST", "-o", "/dev/null", "-w", "%header{location}", opened)
        place += ("&" if "?" in place else "?") + "digest=" + digest
        binary = "Content-Type: application/octet-stream"
        curl("-X", "PUT", "-H", binary, "-T", f"{folder}/blobs/{digest[7:]}", "-o", "/dev/null", place)

    with concurrent.futures.ThreadPoolExecutor(UP_AT_ONCE) as pool:
        list(pool.map(put, blobs.items()))


def run_floor(corpus, scratch):
    """The costs of bringing the corpus down and of sending it up into a fresh registry."""
    with tempfile.TemporaryDirectory(prefix="floor-", dir=scratch) as folder:
        os.sync()
        pack = measured(lambda: floor_pack(corpus.host, corpus.blobs, folder), folder)
        os.sync()
        with DockerRegistry(scratch) as target:
            return pack, measured(lambda: floor_unpack(target.host, corpus.blobs, folder), folder)
