"""Downloads that are verified, show their progress, and continue where the last attempt stopped."""

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pooch
import requests
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from course_utils.data.dataset import DataCorruptError

TIMEOUT = 30  # seconds without a byte
CHUNK = 1 << 14  # bytes; at most so much is lost when a connection breaks


def fetch(url: str, md5: Mapping[str, str], folder: Path) -> None:
    """Make ``folder`` hold the files that ``md5`` names with their checksums, downloading from ``url``.

    Raises OSError when a file cannot be had, DataCorruptError when what came is not what was published.
    """
    pooch.get_logger().setLevel(logging.WARNING)  # the progress bar says it better
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True)) as progress:
        downloader = partial(_resume, progress=progress)
        for name, checksum in md5.items():
            try:
                pooch.retrieve(url + name, f"md5:{checksum}", name, folder, downloader=downloader)
            except requests.HTTPError as error:
                raise OSError(str(error)) from None
            except requests.RequestException:
                kept = "; load again to continue where it stopped" if _part(folder, name).exists() else ""
                raise OSError(f"no connection to {urlsplit(url).netloc}, or it broke off{kept}") from None
            except ValueError:
                raise DataCorruptError(
                    f"{name} as downloaded from {url} is not the file that was published (its MD5 differs).\n"
                    "It was thrown away. Perhaps a proxy or a login page answered in its place:\n"
                    "open the address in a browser, then load again."
                ) from None


def _part(folder: Path, name: str) -> Path:
    return folder / f"{name}.part"


def _resume(url: str, output_file: str, _: object, *, progress: Progress) -> None:
    """Download into a .part file that outlives interruptions, then hand it over: a pooch downloader."""
    output = Path(output_file)
    name = url.rpartition("/")[2]
    part = _part(output.parent, name)
    have = part.stat().st_size if part.exists() else 0
    # "identity", or a server may compress on the fly and count the range in other bytes than ours.
    headers = {"Accept-Encoding": "identity", "Range": f"bytes={have}-"}
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        if response.status_code != requests.codes.requested_range_not_satisfiable:  # else the part is whole
            response.raise_for_status()
            if response.status_code != requests.codes.partial_content:  # a server that starts from zero
                have = 0
            size = have + int(response.headers.get("Content-Length", 0))
            task = progress.add_task(name, completed=have, total=size or None)
            with part.open("ab" if have else "wb") as file:
                for chunk in response.iter_content(CHUNK):
                    file.write(chunk)
                    progress.advance(task, len(chunk))
    part.replace(output)
