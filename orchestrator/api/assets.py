"""Files for browsers: the console's own, and those of npm packages that `make web` has copied beside them.

All are read when the application starts, and stand under a path with the hash of their content, so that browsers keep
them for ever and never mix those of two versions.
"""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

FOLDER = Path(__file__).parent / "static"
FOR_EVER = "public, max-age=31536000, immutable"
GZIP_FROM_BYTES = 1024
DIGEST_CHARACTERS = 16
TYPES = {
    ".js": "text/javascript",
    ".ts": "application/typescript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}
HOW_TO = "make web"
"""The command that copies what npm packages bring."""


@dataclass(frozen=True)
class Asset:
    """One file as it is sent."""

    media_type: str
    plain: bytes
    zipped: bytes | None


@dataclass(frozen=True, eq=False)
class Assets:
    """All files by their path in the folder, and the hash of all of them."""

    files: dict[str, Asset]
    digest: str

    def has(self, *names: str) -> bool:
        """Return whether all these files are there."""
        return all(name in self.files for name in names)

    def answer(self, request: Request, digest: str, name: str) -> Response | None:
        """Return a file, or None for one that is not there, or not in this version."""
        asset = self.files.get(name) if digest == self.digest else None
        if asset is None:
            return None
        headers = {"Cache-Control": FOR_EVER, "X-Content-Type-Options": "nosniff", "Vary": "Accept-Encoding"}
        if asset.zipped is not None and "gzip" in request.headers.get("Accept-Encoding", ""):
            return Response(asset.zipped, headers=headers | {"Content-Encoding": "gzip"}, media_type=asset.media_type)
        return Response(asset.plain, headers=headers, media_type=asset.media_type)


@cache
def assets() -> Assets:
    """Read all files."""
    found = {path.relative_to(FOLDER).as_posix(): path for path in sorted(FOLDER.rglob("*")) if path.is_file()}
    files = {name: _asset(path) for name, path in found.items()}
    together = hashlib.sha256()
    for name, asset in files.items():
        together.update(f"{name}\0{len(asset.plain)}\0".encode() + asset.plain)
    return Assets(files, together.hexdigest()[:DIGEST_CHARACTERS])


def _asset(path: Path) -> Asset:
    plain = path.read_bytes()
    media_type = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    zipped = gzip.compress(plain, 9, mtime=0) if len(plain) >= GZIP_FROM_BYTES else None
    return Asset(media_type, plain, zipped if zipped and len(zipped) < len(plain) else None)
