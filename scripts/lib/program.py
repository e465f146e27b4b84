"""The program under trial."""

import json
import os
import subprocess


def built_bundle(profile="dev"):
    """What BUNDLE names, else this checkout's own program, built by cargo."""
    named = os.environ.get("BUNDLE")
    if named:
        return os.path.realpath(named)
    checkout = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
    done = subprocess.run(
        ["cargo", "build", "--profile", profile, "--bin", "bundle", "--message-format=json-render-diagnostics"],
        cwd=checkout, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True,
    )
    for line in done.stdout.splitlines():
        artifact = json.loads(line)
        if artifact.get("executable") and artifact["target"]["name"] == "bundle":
            return artifact["executable"]
    raise RuntimeError("cargo built no program named bundle")
