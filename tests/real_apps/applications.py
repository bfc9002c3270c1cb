"""The applications: source, start command, and the correct result for each record."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.real_apps import installing, samples

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PASSWORD: Final = "Wandering-Otter-41"
_ROOT: Final = Path(__file__).parents[2]
_FORBIDDEN: Final = frozenset({"FORBIDDEN"})
_NOT_FOUND: Final = frozenset({"NOT_FOUND"})
_NOT_SHOWN: Final = frozenset({"FORBIDDEN", "NOT_FOUND", "NOT_RECOGNISED"})
"""All true where the application shows another page with status 200 instead of the record's."""


@dataclasses.dataclass(frozen=True, slots=True)
class Application:
    """One application, and how it is set up."""

    name: str
    title: str
    site: str
    """Module in `sites` that sets it up and serves it."""
    username: str
    sign_in: str
    """Path of a page that needs a sign-in."""
    packages: tuple[str, ...] = ()
    """From PyPI, into a virtual environment of its own; none: the site runs in our Python."""
    debian: installing.Debian | None = None
    """From Debian, unpacked into a folder that the site is told."""
    npm: tuple[str, ...] = ()
    """From npm, into a folder that the site is told."""
    options: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """What its site is told besides."""
    same_names: bool = True
    """Whether it keeps two files of one name on one record."""
    bare_names: bool = True
    """Whether it keeps files whose name has no extension."""
    has_area: bool = True
    """Its pages show where files are listed, by a heading or the like; else an empty order cannot be told."""
    hides_records: bool = True
    """Whether it can keep a record from a user."""
    forbidden: frozenset[str] = _FORBIDDEN
    """Error codes that tell the truth about the record that the user may not see."""
    absent: frozenset[str] = _NOT_FOUND
    """The same for the record that does not exist."""


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """A record as `po-pw` is asked for it, and what should come of it."""

    po_number: str
    supplier: str
    url: str
    statuses: frozenset[str]
    codes: frozenset[str] = frozenset({""})
    files: tuple[tuple[str, str], ...] = ()
    """Name and SHA-256 of each."""


@dataclasses.dataclass(frozen=True, slots=True)
class Running:
    """An application that answers on this machine."""

    application: Application
    address: str
    records: tuple[Record, ...]
    folder: Path
    pid: int

    @property
    def sign_in_url(self) -> str:
        """A page that needs a sign-in."""
        return self.address + self.application.sign_in

    def requests(self) -> list[tuple[str, str, int]]:
        """The application's access log so far: method, path with query, status."""
        lines = (self.folder / "access.log").read_text("utf-8").splitlines()
        return [(entry["method"], entry["path"], entry["status"]) for entry in map(json.loads, lines)]


ALL: Final = (
    Application(
        name="django-admin",
        title="Django admin, user may change orders",
        site="django_admin",
        username="buyer",
        sign_in="/admin/purchasing/purchaseorder/",
        packages=("django~=5.2.0",),
        absent=_NOT_SHOWN,  # it leads to the index
    ),
    Application(
        name="django-admin-view",
        title="Django admin, user may only see orders",
        site="django_admin",
        username="auditor",
        sign_in="/admin/purchasing/purchaseorder/",
        packages=("django~=5.2.0",),
        absent=_NOT_SHOWN,  # it leads to the index
    ),
    Application(
        name="helpdesk",
        title="django-helpdesk, files on the follow-ups of tickets",
        site="helpdesk_tickets",
        username="buyer",
        sign_in="/tickets/",
        packages=("django-helpdesk~=2.6.0", "django~=5.2.0"),
        forbidden=_NOT_SHOWN,  # it leads to the list of tickets
    ),
    Application(
        name="copyparty",
        title="copyparty, a folder for each order",
        site="copyparty_folders",
        username="buyer",
        sign_in="/?h",
        packages=("copyparty~=1.20.26",),
        same_names=False,
        # Both pages offer to sign in as another user, with a password field, though one is signed in.
        forbidden=frozenset({"FORBIDDEN", "SIGN_IN_NEEDED"}),
        absent=frozenset({"NOT_FOUND", "SIGN_IN_NEEDED"}),
    ),
    Application(
        name="droppy",
        title="droppy, a folder for each order, lists by web socket",
        site="droppy_folders",
        username="buyer",
        sign_in="/",
        npm=("droppy@10.0.0",),
        same_names=False,
        has_area=False,
        hides_records=False,
        absent=_NOT_SHOWN,  # the list of the top folder, at the record's own address
    ),
    Application(
        name="roundup",
        title="Roundup, files linked to issues",
        site="roundup_tracker",
        username="buyer",
        sign_in="/issue?@template=index",
        packages=("roundup~=2.6.0",),
        forbidden=_NOT_SHOWN,  # the record's address, status 200, "You are not allowed to view this page."
    ),
    Application(
        name="roundup-jinja2",
        title="Roundup with its other pages",
        site="roundup_tracker",
        username="buyer",
        sign_in="/issue?@template=index",
        packages=("roundup~=2.6.0", "jinja2~=3.1"),
        options={"template": "jinja2"},
        hides_records=False,  # its page says "not allowed" and lists the files all the same
    ),
    Application(
        name="moin",
        title="MoinMoin 2, files as items below a page",
        site="moin_wiki",
        username="buyer",
        sign_in="/+login",
        packages=("moin==2.0.0b5",),
        same_names=False,
    ),
    Application(
        name="dokuwiki",
        title="DokuWiki, media linked on a page",
        site="dokuwiki",
        username="buyer",
        sign_in="/doku.php?id=start&do=login",
        debian=installing.Debian(
            alone=(
                "dokuwiki",
                "libjs-jquery",
                "libjs-jquery-cookie",
                "libjs-jquery-ui",
                "libphp-simplepie",
                "php-geshi",
                "php-phpseclib",
                "php-random-compat",
            ),
            with_needed=("php-cli", "php-xml"),
        ),
        same_names=False,
        bare_names=False,
        forbidden=_NOT_SHOWN,  # status 200 for both: "Permission Denied", "This topic does not exist yet"
        absent=_NOT_SHOWN,
    ),
    Application(
        name="trac",
        title="Trac, files attached to tickets",
        site="trac_tickets",
        username="buyer",
        sign_in="/login",
        packages=("Trac~=1.6.0", "TracAccountManager~=0.6.0", "setuptools<81"),
    ),
)


def named(name: str) -> Application:
    """The application of this name.

    Raises:
        KeyError: there is none.
    """
    return {application.name: application for application in ALL}[name]


@contextlib.contextmanager
def started(application: Application) -> Iterator[Running]:
    """Installs it where needed, sets it up afresh, starts it, and ends it at the end of the block.

    Raises:
        NotInstallableError: it cannot be had here.
        RuntimeError: it did not come up; the message holds what it said.
    """
    python, unpacked = _installed(application)
    orders = [
        order
        for order in samples.orders(same_names=application.same_names, bare_names=application.bare_names)
        if order.visible or application.hides_records
    ]
    with tempfile.TemporaryDirectory(prefix=f"po-pw-{application.name}-") as name:
        folder = Path(name)
        _write_specification(application, orders, folder, unpacked)
        with (folder / "said.log").open("wb") as said:
            process = subprocess.Popen(
                [python, "-m", f"tests.real_apps.sites.{application.site}", str(folder)],
                cwd=_ROOT,
                env={**os.environ, "PYTHONPATH": str(_ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                start_new_session=True,
            )
        try:
            yield _running(application, orders, folder, process)
        finally:
            _end(process)


def _installed(application: Application) -> tuple[str, Path | None]:
    """The Python that its site runs in, and where else it was put."""
    name = application.site
    python = str(installing.python_with(name, application.packages)) if application.packages else sys.executable
    if application.debian is not None:
        return python, installing.debian_with(name, application.debian)
    return python, installing.npm_with(name, application.npm) if application.npm else None


def _write_specification(
    application: Application, orders: Sequence[samples.Order], folder: Path, unpacked: Path | None
) -> None:
    (folder / "access.log").touch()
    records = []
    for order in orders:
        files = []
        for index, sample in enumerate(order.files):
            path = Path("samples") / order.number / str(index) / sample.name
            (folder / path).parent.mkdir(parents=True)
            (folder / path).write_bytes(sample.content)
            files.append({"name": sample.name, "path": path.as_posix()})
        records.append({"number": order.number, "supplier": order.supplier, "visible": order.visible, "files": files})
    specification = {
        "username": application.username,
        "password": PASSWORD,
        "absent": samples.ABSENT,
        "unpacked": str(unpacked) if unpacked else None,
        "options": dict(application.options),
        "records": records,
    }
    (folder / "spec.json").write_text(json.dumps(specification), "utf-8")


def _running(
    application: Application, orders: Sequence[samples.Order], folder: Path, process: subprocess.Popen[bytes]
) -> Running:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line.startswith(b"{"):
        _end(process)
        said = (folder / "said.log").read_text("utf-8", "replace")
        msg = f"{application.title} did not come up: {line.decode('utf-8', 'replace')}{said[-3000:]}"
        raise RuntimeError(msg)
    answer = json.loads(line)
    address = f"http://127.0.0.1:{answer['port']}"
    records = [_record(application, order, address + answer["paths"][order.number]) for order in orders]
    failed = frozenset({"FAILED"})
    absent = address + answer["paths"][samples.ABSENT]
    records.append(Record(samples.ABSENT, "Nobody", absent, failed, application.absent))
    return Running(application, address, tuple(records), folder, process.pid)


def _record(application: Application, order: samples.Order, url: str) -> Record:
    if not order.visible:
        return Record(order.number, order.supplier, url, frozenset({"FAILED"}), application.forbidden)
    files = tuple((sample.name, sample.sha256) for sample in order.files)
    if not files and not application.has_area:
        return Record(order.number, order.supplier, url, frozenset({"FAILED"}), frozenset({"NO_AREA_FOUND"}))
    status = "COMPLETED" if files else "NO_ATTACHMENTS"
    return Record(order.number, order.supplier, url, frozenset({status}), files=files)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the site and what it started: first by its input's end, then by its process group."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    process.stdout.close()
