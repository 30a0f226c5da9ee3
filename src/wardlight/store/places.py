"""Where backups lie: a local directory, or a bucket of S3-compatible storage (`s3://bucket/prefix`).

S3's credentials and region are those of the environment, as in Amazon's tools: AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY, AWS_REGION, and AWS_ENDPOINT_URL for storage that isn't Amazon's.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pyarrow import fs

from wardlight.problems import BadInput, NotFound, Unavailable
from wardlight.store.params import bind

_CHUNK = 1024 * 1024


@dataclass(frozen=True)
class Place:
    """A directory of backups, each a directory of its own."""

    name: str
    """As the administrator gave it; absolute."""
    root: str
    """In the file system."""
    files: fs.FileSystem
    url: str = ""
    """Where the engine finds `root` over HTTP; empty for a local directory."""

    def engine(self, path: str) -> str:
        """Write the place of an engine's backup as the engine's SQL has it."""
        return f"S3('{bind(f'{self.url}/{path}')}')" if self.url else f"File('{bind(f'{self.root}/{path}')}')"

    @contextmanager
    def reached(self) -> Iterator[None]:
        """Tell what a file system says as a problem of ours. Raises Unavailable."""
        try:
            yield
        except OSError as error:
            raise Unavailable(f"{self.name} can't be used: {error.strerror or error}") from error

    def entries(self) -> list[str]:
        """List the names of the backups, oldest first, whole or not. Raises Unavailable."""
        with self.reached():
            found = self.files.get_file_info(fs.FileSelector(self.root, allow_not_found=True))
        return sorted(one.base_name for one in found if one.type == fs.FileType.Directory)

    def make(self, entry: str) -> None:
        """Begin a backup's directory, for its owner only. A bucket must be there. Raises Unavailable."""
        if not self.url:
            Path(self.root).mkdir(parents=True, exist_ok=True, mode=0o700)
            Path(self.root, entry).mkdir(mode=0o700)
        elif self.files.get_file_info(self.root.partition("/")[0]).type == fs.FileType.NotFound:
            raise Unavailable(f"{self.name} can't be used: there is no such bucket")

    def put(self, source: Path, path: str) -> tuple[int, str]:
        """Copy a file there; returns size and SHA-256 of what was copied, for the file may grow meanwhile."""
        target = f"{self.root}/{path}"
        digest, size = hashlib.sha256(), 0
        self.files.create_dir(str(Path(target).parent))
        with source.open("rb") as file, self.files.open_output_stream(target) as stream:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                size += stream.write(chunk)
        if not self.url:
            Path(target).chmod(0o600)
        return size, digest.hexdigest()

    def get(self, path: str, target: Path) -> None:
        """Copy a file from there; the new one is its owner's only. Raises NotFound."""
        target.touch(mode=0o600)
        try:
            with self.files.open_input_stream(f"{self.root}/{path}") as stream, target.open("wb") as file:
                shutil.copyfileobj(stream, file, _CHUNK)
        except FileNotFoundError:
            raise NotFound(f"{self.name}/{path} isn't there") from None

    def read(self, path: str) -> bytes | None:
        """Read a small file; None if there is none. Raises Unavailable."""
        with self.reached():
            if self.files.get_file_info(f"{self.root}/{path}").type != fs.FileType.File:
                return None
            with self.files.open_input_stream(f"{self.root}/{path}") as stream:
                content: bytes = stream.read()
                return content

    def seal(self, path: str, content: bytes) -> None:
        """Write a small file, whole or not at all, after everything else is on disk."""
        target = f"{self.root}/{path}"
        if self.url:
            with self.files.open_output_stream(target) as stream:
                stream.write(content)
            return
        os.sync()
        fresh = Path(f"{target}.new")
        fresh.touch(mode=0o600)
        with fresh.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(target)
        sync_directory(fresh.parent)

    def remove(self, entry: str) -> None:
        """Delete a backup, its manifest first, so that what is left of it doesn't look whole."""
        manifest = f"{self.root}/{entry}/manifest.json"
        if self.files.get_file_info(manifest).type == fs.FileType.File:
            self.files.delete_file(manifest)
        self.files.delete_dir(f"{self.root}/{entry}")


def sync_directory(path: Path) -> None:
    """Have a directory's entries on disk."""
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def place(destination: str, environ: Mapping[str, str] = os.environ) -> Place:
    """Find the place that a destination names. Raises BadInput."""
    if "://" not in destination:
        root = str(Path(destination).expanduser().resolve())
        return Place(root, root, fs.LocalFileSystem())
    parts = urlsplit(destination)
    path = f"{parts.netloc}{parts.path}".rstrip("/")
    if parts.scheme != "s3" or not parts.netloc or parts.query:
        raise BadInput(f"{destination!r} is neither a directory nor s3://BUCKET/PREFIX")
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    endpoint = environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL") or ""
    if endpoint:
        at = urlsplit(endpoint)
        files = fs.S3FileSystem(region=region, scheme=at.scheme, endpoint_override=at.netloc)
        return Place(f"s3://{path}", path, files, f"{endpoint.rstrip('/')}/{path}")
    url = f"https://{parts.netloc}.s3.{region}.amazonaws.com{parts.path.rstrip('/')}"
    return Place(f"s3://{path}", path, fs.S3FileSystem(region=region), url)
