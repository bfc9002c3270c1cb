"""The mark of the web: records on a file that it came from the internet, and from where, as browsers do.

Programs check it: Office opens such a file in Protected View, Windows and macOS ask before they run one.

- Windows: the stream `Zone.Identifier` ([MS-FSCC] 5.6.1); zone 3 is the internet.
- macOS: the extended attribute `com.apple.quarantine` (flags; time; program; UUID) and, for Finder and Spotlight,
  `com.apple.metadata:kMDItemWhereFroms` (a binary property list).
- Linux: `user.xdg.origin.url` and `user.xdg.referrer.url` (freedesktop.org, Common Extended Attributes).

On a file system that cannot store it the file stays unmarked.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import plistlib
import sys
import uuid
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from po_pw import redact

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping
    from pathlib import Path

_log = logging.getLogger(__name__)

_ZONE: Final = "Zone.Identifier"
_QUARANTINE: Final = "com.apple.quarantine"
_WHERE_FROM: Final = "com.apple.metadata:kMDItemWhereFroms"
_ORIGIN: Final = "user.xdg.origin.url"
_REFERRER: Final = "user.xdg.referrer.url"
_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "win32": (_ZONE,),
    "darwin": (_QUARANTINE, _WHERE_FROM),
    "linux": (_ORIGIN, _REFERRER),
}
_DOWNLOADED: Final = "0081"
"""Flags of `com.apple.quarantine`, as browsers set them: downloaded, not yet opened by the user."""
_UNKNOWN: Final = "about:internet"
"""What browsers write on Windows when no address can be given."""
_KEPT: Final = "!#$%&'()*+,/:;=?@[]~"


@dataclasses.dataclass(frozen=True, slots=True)
class Origin:
    """Where a file came from, without secrets."""

    url: str
    """The file's address; `""` if it has none."""
    referrer: str
    """The page that linked to it; `""` if unknown."""

    @classmethod
    def of(cls, url: str, page: str) -> Origin:
        """Makes an origin; possible secrets in the addresses are removed.

        Args:
            url: of the file; for a `blob:` the page's address is used.
            page: that linked to it; may be empty.
        """
        shown, referrer = _shown(url), _shown(page)
        return cls(shown or referrer, referrer)


def contents(platform: str, origin: Origin, *, at: datetime.datetime, event: uuid.UUID) -> dict[str, bytes]:
    """What to write, by name of the stream or attribute. Pure.

    Args:
        platform: as `sys.platform`; only `win32`, `darwin` and `linux` have a mark.
        origin: where the file came from.
        at: download time.
        event: identifies the download on macOS.
    """
    if platform == "win32":
        lines = ["[ZoneTransfer]", "ZoneId=3"]
        lines += [f"ReferrerUrl={origin.referrer}"] if origin.referrer else []
        lines += [f"HostUrl={origin.url or _UNKNOWN}"]
        return {_ZONE: "".join(f"{line}\r\n" for line in lines).encode("ascii")}
    addresses = [address for address in (origin.url, origin.referrer) if address]
    if platform == "darwin":
        value = f"{_DOWNLOADED};{int(at.timestamp()):08x};po-pw;{str(event).upper()}"
        where_from = {_WHERE_FROM: plistlib.dumps(addresses, fmt=plistlib.FMT_BINARY)} if addresses else {}
        return {_QUARANTINE: value.encode("ascii"), **where_from}
    if platform == "linux":
        named = {_ORIGIN: origin.url, _REFERRER: origin.referrer}
        return {name: address.encode("ascii") for name, address in named.items() if address}
    return {}


def set_mark(path: Path, origin: Origin | None, *, at: datetime.datetime) -> None:
    """Marks a file, replacing any mark: one that a browser set contains full addresses with their secrets.

    Args:
        path: the file.
        origin: where it came from; None removes the mark.
        at: download time.
    """
    wanted = contents(sys.platform, origin, at=at, event=uuid.uuid4()) if origin is not None else {}
    for name in _NAMES.get(sys.platform, ()):
        try:
            with contextlib.suppress(OSError):  # no mark, or not supported here
                _remove(path, name)
            if name in wanted:
                _write(path, name, wanted[name])
        except OSError as error:
            # Not supported there (ENOTSUP, EPERM), or too long (ENOSPC, E2BIG). A missing file or a disk error shows at
            # the rename that follows.
            _log.debug("%s has no mark %s: %s", path, name, error)


def copy_mark(source: Path, target: Path) -> None:
    """Copies the mark, if there is one, from a file to its copy."""
    for name in _NAMES.get(sys.platform, ()):
        with contextlib.suppress(OSError):  # no mark, or not supported there
            _write(target, name, _read(source, name))


def _shown(url: str) -> str:
    """A web address in ASCII; `""` for any other address."""
    address = redact.bare(url)
    return quote(address, safe=_KEPT, errors="replace") if address.lower().startswith(("http://", "https://")) else ""


if sys.platform == "win32":

    def _write(path: Path, name: str, value: bytes) -> None:
        with open(f"{path}:{name}", "wb") as stream:  # noqa: PTH123 - a stream of a file has no Path
            stream.write(value)
            stream.flush()
            os.fsync(stream.fileno())

    def _read(path: Path, name: str) -> bytes:
        with open(f"{path}:{name}", "rb") as stream:  # noqa: PTH123
            return stream.read()

    def _remove(path: Path, name: str) -> None:
        os.remove(f"{path}:{name}")  # noqa: PTH107

elif sys.platform == "darwin":
    import ctypes

    # Python has os.setxattr only on Linux. On macOS the calls also take a position and options (setxattr(2)).
    _libc: Final = ctypes.CDLL(None, use_errno=True)
    _libc.getxattr.restype = ctypes.c_ssize_t
    _AT: Final = (ctypes.c_uint32(0), ctypes.c_int(0))

    def _checked(result: int, path: Path) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(path))
        return result

    def _write(path: Path, name: str, value: bytes) -> None:
        at, size = os.fsencode(path), ctypes.c_size_t(len(value))
        _checked(_libc.setxattr(at, name.encode(), value, size, *_AT), path)

    def _read(path: Path, name: str) -> bytes:
        at = os.fsencode(path)
        size = _checked(_libc.getxattr(at, name.encode(), None, ctypes.c_size_t(0), *_AT), path)
        value = ctypes.create_string_buffer(size)
        came = _checked(_libc.getxattr(at, name.encode(), value, ctypes.c_size_t(size), *_AT), path)
        return value.raw[:came]

    def _remove(path: Path, name: str) -> None:
        _checked(_libc.removexattr(os.fsencode(path), name.encode(), ctypes.c_int(0)), path)

elif sys.platform == "linux":

    def _write(path: Path, name: str, value: bytes) -> None:
        os.setxattr(path, name, value)

    def _read(path: Path, name: str) -> bytes:
        return os.getxattr(path, name)

    def _remove(path: Path, name: str) -> None:
        os.removexattr(path, name)

else:  # `_NAMES` is empty here, so these are never called

    def _write(path: Path, name: str, value: bytes) -> None:
        raise NotImplementedError

    def _read(path: Path, name: str) -> bytes:
        raise NotImplementedError

    def _remove(path: Path, name: str) -> None:
        raise NotImplementedError
