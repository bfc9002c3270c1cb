"""Files and folders that only their owner can read: a saved sign-in is as good as a password.

On POSIX by the modes 0600 and 0700; on Windows by an access control list with only the owner.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import sys
from typing import TYPE_CHECKING, BinaryIO, Final

from po_pw import durable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_ACE: Final = re.compile(r"\(([^()]*(?:\([^()]*\)[^()]*)*)\)")
_TRUSTED: Final = frozenset({"SY", "BA", "OW", "S-1-5-18", "S-1-5-32-544", "S-1-3-4"})
"""The system, administrators (who can take ownership anyway) and the owner."""
_ALLOWS: Final = frozenset({"A", "OA", "XA"})
_ACCESS_LIST: Final = 4
_PROTECTED: Final = 0x8000_0000


def make_folder(folder: Path) -> None:
    """Creates a folder that only its owner can access; missing parents get default permissions.

    Raises:
        OSError: it cannot be created.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def replacement(file: Path) -> AbstractContextManager[BinaryIO]:
    """Like `durable.replacement`, for a file that only its owner can read from the start.

    Raises:
        OSError: it cannot be written, or other users' access cannot be prevented.
    """
    return durable.replacement(file, _open_draft)


def write(file: Path, content: str | bytes) -> None:
    """Writes a file by `replacement`; a text as UTF-8.

    Raises:
        OSError: as for `replacement`.
    """
    with replacement(file) as stream:
        stream.write(content.encode("utf-8") if isinstance(content, str) else content)


def _open_draft(draft: Path) -> BinaryIO:
    draft.unlink(missing_ok=True)  # left by a killed run, perhaps readable by others
    stream = os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    try:
        restrict_to_owner(draft)
    except BaseException:
        stream.close()
        raise
    return stream


def others_with_access(path: Path) -> str:
    """Who else can access a file or folder, in words for the user; `""` if nobody.

    Raises:
        OSError: the permissions cannot be read.
    """
    if sys.platform == "win32":
        return others_by_acl(_access_list(path), _own_sid())
    about = path.stat()
    return others_by_mode(about.st_mode)


def others_by_mode(mode: int) -> str:
    """The same for a POSIX mode. Pure."""
    found = stat.S_IMODE(mode) & _OTHERS
    return f"other users of this computer (mode {stat.S_IMODE(mode):04o})" if found else ""


def others_by_acl(sddl: str, owner: str) -> str:
    """The same for a Windows access control list as SDDL (`D:PAI(A;;FA;;;SY)...`). Pure.

    Args:
        sddl: with the part `D:`; without it everybody has access.
        owner: SID of the current user.
    """
    _, found, rest = sddl.partition("D:")
    flags = rest.partition("(")[0]
    if not found or "NO_ACCESS_CONTROL" in flags:
        return "everybody (there is no access control list)"
    own = {owner, "CO", "S-1-3-0", *(["LA"] if owner.endswith("-500") else [])}  # as SDDL abbreviates them
    others: list[str] = []
    for ace in _ACE.findall(rest.partition("S:")[0]):
        fields = ace.split(";")  # kind, inheritance, rights, two kinds of object, who
        if len(fields) >= 6 and fields[0] in _ALLOWS and fields[2] and fields[5] not in _TRUSTED | own:
            others.append(fields[5])
    return f"other users of this computer ({', '.join(dict.fromkeys(others))})" if others else ""


def access_list(owner: str, *, folder: bool) -> str:
    """An access control list for the owner only, as SDDL, inherited by a folder's content. Pure."""
    return f"D:P(A;{'OICI' if folder else ''};FA;;;{owner})"


def restrict_to_owner(path: Path) -> None:
    """Removes other users' access to a file or folder.

    Raises:
        OSError: not possible, or not supported by the file system.
    """
    if sys.platform == "win32":
        _set_access_list(path, access_list(_own_sid(), folder=path.is_dir()))
    else:
        path.chmod(0o700 if path.is_dir() else 0o600)
    if others := others_with_access(path):
        raise PermissionError(0, f"it can still be read by {others}")


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _security = ctypes.WinDLL("advapi32", use_last_error=True)
    _kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    _kernel.GetCurrentProcess.restype = wintypes.HANDLE
    _kernel.CloseHandle.argtypes = [wintypes.HANDLE]
    _kernel.LocalFree.argtypes = [ctypes.c_void_p]
    _kernel.LocalFree.restype = ctypes.c_void_p
    _security.OpenProcessToken.argtypes = [wintypes.HANDLE, wintypes.DWORD, ctypes.POINTER(wintypes.HANDLE)]
    _security.GetTokenInformation.argtypes = [
        wintypes.HANDLE,
        ctypes.c_int,
        ctypes.c_void_p,
        wintypes.DWORD,
        ctypes.POINTER(wintypes.DWORD),
    ]
    _security.ConvertSidToStringSidW.argtypes = [ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p)]
    _security.GetFileSecurityW.argtypes = [
        wintypes.LPCWSTR,
        wintypes.DWORD,
        ctypes.c_void_p,
        wintypes.DWORD,
        ctypes.POINTER(wintypes.DWORD),
    ]
    _security.GetSecurityDescriptorDacl.argtypes = [
        ctypes.c_void_p,
        ctypes.POINTER(wintypes.BOOL),
        ctypes.POINTER(ctypes.c_void_p),
        ctypes.POINTER(wintypes.BOOL),
    ]
    _security.SetNamedSecurityInfoW.argtypes = [
        wintypes.LPWSTR,
        ctypes.c_int,
        wintypes.DWORD,
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_void_p,
    ]
    _security.SetNamedSecurityInfoW.restype = wintypes.DWORD
    _security.ConvertSecurityDescriptorToStringSecurityDescriptorW.argtypes = [
        ctypes.c_void_p,
        wintypes.DWORD,
        wintypes.DWORD,
        ctypes.POINTER(ctypes.c_void_p),
        ctypes.c_void_p,
    ]
    _security.ConvertStringSecurityDescriptorToSecurityDescriptorW.argtypes = [
        wintypes.LPCWSTR,
        wintypes.DWORD,
        ctypes.POINTER(ctypes.c_void_p),
        ctypes.c_void_p,
    ]

    def _done(answer: int) -> None:
        if not answer:
            raise ctypes.WinError(ctypes.get_last_error())

    @contextlib.contextmanager
    def _allocated() -> Iterator[ctypes.c_void_p]:
        """A pointer to memory allocated by a call, freed afterwards."""
        pointer = ctypes.c_void_p()
        try:
            yield pointer
        finally:
            _kernel.LocalFree(pointer)

    def _own_sid() -> str:
        token, size = wintypes.HANDLE(), wintypes.DWORD()
        _done(_security.OpenProcessToken(_kernel.GetCurrentProcess(), 8, ctypes.byref(token)))
        try:
            _security.GetTokenInformation(token, 1, None, 0, ctypes.byref(size))
            user = ctypes.create_string_buffer(size.value)
            _done(_security.GetTokenInformation(token, 1, user, size, ctypes.byref(size)))
        finally:
            _kernel.CloseHandle(token)
        with _allocated() as text:
            _done(_security.ConvertSidToStringSidW(ctypes.c_void_p.from_buffer(user), ctypes.byref(text)))
            return ctypes.wstring_at(text.value or 0)

    def _access_list(path: Path) -> str:
        size = wintypes.DWORD()
        _security.GetFileSecurityW(str(path), _ACCESS_LIST, None, 0, ctypes.byref(size))
        found = ctypes.create_string_buffer(size.value)
        _done(_security.GetFileSecurityW(str(path), _ACCESS_LIST, found, size, ctypes.byref(size)))
        with _allocated() as text:
            _done(
                _security.ConvertSecurityDescriptorToStringSecurityDescriptorW(
                    found, 1, _ACCESS_LIST, ctypes.byref(text), None
                )
            )
            return ctypes.wstring_at(text.value or 0)

    def _set_access_list(path: Path, sddl: str) -> None:
        with _allocated() as descriptor:
            _done(
                _security.ConvertStringSecurityDescriptorToSecurityDescriptorW(sddl, 1, ctypes.byref(descriptor), None)
            )
            entries, there, by_default = ctypes.c_void_p(), wintypes.BOOL(), wintypes.BOOL()
            _done(
                _security.GetSecurityDescriptorDacl(
                    descriptor, ctypes.byref(there), ctypes.byref(entries), ctypes.byref(by_default)
                )
            )
            # Unlike SetFileSecurity, this also applies to the folder's existing content.
            what = _ACCESS_LIST | _PROTECTED
            failed = _security.SetNamedSecurityInfoW(str(path), 1, what, None, None, entries, None)
            if failed:
                raise ctypes.WinError(failed)
