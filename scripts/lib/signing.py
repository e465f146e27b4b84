"""Signing with the real cosign 2 and cosign 3, by key, without any log and without a network beyond loopback."""

import os
import shutil
import subprocess

# An empty password: these keys are thrown away. HOME is ours, so that no configuration of the user plays a part.
LOOPBACK = ["--allow-http-registry", "-y"]


class SigningError(Exception):
    """cosign did not do what was asked."""


def cosign(version, arguments, folder):
    """Runs cosign `version` (2 or 3) in `folder`."""
    program = f"cosign{version}"
    if not shutil.which(program):
        raise SigningError(f"{program} is not on the PATH (scripts/peers brings it)")
    environment = dict(os.environ, COSIGN_PASSWORD="", HOME=folder)
    done = subprocess.run(
        [program, *arguments], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    if done.returncode != 0:
        raise SigningError(f"{program} {' '.join(arguments)}: status {done.returncode}\n{done.stderr[-1500:]}")
    return done.stdout


def key_pair(folder, prefix):
    """Makes `folder`/PREFIX.key and PREFIX.pub."""
    cosign(2, ["generate-key-pair", "--output-key-prefix", prefix], folder)
    return f"{folder}/{prefix}.key", f"{folder}/{prefix}.pub"


def sign_by_tag(key, reference, folder, identity=None):
    """cosign 2, `.sig` tags: the manifest and, for an index, every child. The payload names `identity` if given."""
    named = ["--sign-container-identity", identity] if identity else []
    options = ["--recursive", "--key", key, "--tlog-upload=false", *named, *LOOPBACK]
    cosign(2, ["sign", *options, reference], folder)


def sign_as_referrer(key, reference, folder):
    """cosign 3, Sigstore bundles as referrers: the manifest and, for an index, every child."""
    options = ["--recursive", "--key", key, "--use-signing-config=false", "--tlog-upload=false", *LOOPBACK]
    cosign(3, ["sign", *options, reference], folder)


def attest(key, reference, predicate, kind, folder):
    """cosign 2, an `.att` tag."""
    options = ["--predicate", predicate, "--type", kind, "--key", key, "--tlog-upload=false", *LOOPBACK]
    cosign(2, ["attest", *options, reference], folder)
