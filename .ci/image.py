"""Writes the container image as an OCI archive: `podman load -i` and `docker load -i` take it, `skopeo copy` pushes it.

    image.py OUT.tar VERSION COMMIT amd64=BINARY arm64=BINARY

By hand, since an image is two JSON files and one archive, and no daemon is needed for that. The bytes depend on the
arguments and SOURCE_DATE_EPOCH alone. `Containerfile` makes the same from source for whoever has podman or docker.
"""

import datetime
import gzip
import hashlib
import io
import json
import os
import pathlib
import sys
import tarfile

import certifi

USER = 10001
EPOCH = int(os.environ["SOURCE_DATE_EPOCH"])
CREATED = datetime.datetime.fromtimestamp(EPOCH, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def entry(name, size=0, mode=0o644, folder=False, owner=0):
    made = tarfile.TarInfo(name)
    made.size, made.mode, made.mtime, made.uid, made.gid = size, mode, EPOCH, owner, owner
    made.type = tarfile.DIRTYPE if folder else tarfile.REGTYPE
    return made


def archive(entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for made, content in entries:
            tar.addfile(made, io.BytesIO(content))
    return out.getvalue()


def layer(binary):
    certificates = pathlib.Path(certifi.where()).read_bytes()
    files = {
        "etc/passwd": f"root:x:0:0::/:\ncarteiro:x:{USER}:{USER}::/var/lib/carteiro:\n".encode(),
        "etc/group": f"root:x:0:\ncarteiro:x:{USER}:\n".encode(),
        "etc/ssl/certs/ca-certificates.crt": certificates,
        "usr/bin/carteiro": binary,
    }
    folders = ["etc", "etc/ssl", "etc/ssl/certs", "usr", "usr/bin", "var", "var/lib"]
    entries = [(entry(name, mode=0o755, folder=True), b"") for name in folders]
    entries.append((entry("tmp", mode=0o1777, folder=True), b""))
    entries.append((entry("var/lib/carteiro", mode=0o700, folder=True, owner=USER), b""))
    for name, content in files.items():
        entries.append((entry(name, len(content), 0o755 if name.startswith("usr/bin") else 0o644), content))
    return archive(sorted(entries, key=lambda made: made[0].name))


def main(out, version, commit, *binaries):
    blobs = {}

    def blob(media_type, content, **more):
        digest = hashlib.sha256(content).hexdigest()
        blobs[digest] = content
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content), **more}

    labels = {
        "org.opencontainers.image.title": "carteiro",
        "org.opencontainers.image.description": "Self-hosted webhook notification daemon",
        "org.opencontainers.image.licenses": "MIT OR Apache-2.0",
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.revision": commit,
    }
    manifests = []
    for architecture, binary in (made.split("=", 1) for made in binaries):
        rows = layer(pathlib.Path(binary).read_bytes())
        packed = gzip.compress(rows, 9, mtime=0)
        config = {
            "architecture": architecture,
            "os": "linux",
            "created": CREATED,
            "config": {
                "User": f"{USER}:{USER}",
                "Entrypoint": ["/usr/bin/carteiro"],
                "Cmd": ["serve"],
                # All addresses of the container, which reach nobody until a port is published.
                "Env": [
                    "PATH=/usr/bin",
                    "CARTEIRO_SERVER__LISTEN=0.0.0.0:8080",
                    "CARTEIRO_STORE__PATH=/var/lib/carteiro",
                ],
                "WorkingDir": "/var/lib/carteiro",
                "Volumes": {"/var/lib/carteiro": {}},
                "ExposedPorts": {"8080/tcp": {}},
                # Docker's own; in nanoseconds. The first minutes belong to the repair of a large store.
                "Healthcheck": {
                    "Test": ["CMD", "/usr/bin/carteiro", "health"],
                    "Interval": 30_000_000_000,
                    "Timeout": 10_000_000_000,
                    "StartPeriod": 900_000_000_000,
                },
                "StopSignal": "SIGTERM",
                "Labels": labels,
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(rows).hexdigest()}"]},
            "history": [{"created": CREATED, "created_by": f"carteiro {version}"}],
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": blob("application/vnd.oci.image.config.v1+json", json.dumps(config, sort_keys=True).encode()),
            "layers": [blob("application/vnd.oci.image.layer.v1.tar+gzip", packed)],
            "annotations": labels,
        }
        content = json.dumps(manifest, sort_keys=True).encode()
        platform = {"architecture": architecture, "os": "linux"}
        manifests.append(blob(manifest["mediaType"], content, platform=platform))

    media_type = "application/vnd.oci.image.index.v1+json"
    images = json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": manifests}, sort_keys=True).encode()
    named = blob(media_type, images, annotations={"org.opencontainers.image.ref.name": version.replace("~", "-")})
    index = json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": [named]}, sort_keys=True).encode()
    files = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}', "index.json": index}
    files |= {f"blobs/sha256/{digest}": content for digest, content in blobs.items()}
    entries = [(entry(name, mode=0o755, folder=True), b"") for name in ("blobs", "blobs/sha256")]
    entries += [(entry(name, len(content)), content) for name, content in sorted(files.items())]
    pathlib.Path(out).write_bytes(archive(entries))


main(*sys.argv[1:])
