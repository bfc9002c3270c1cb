"""The contract for portal adapters, as checks against portals whose content is known.

An adapter is named as with `--portal`: one of po-pw, or one of an installed package (entry point `po_pw.portals`).
It is checked in whole runs against a `Bench`: one of the demo portals, or one that its author writes. In a test:

    from po_pw import adapter_contract

    def test_the_adapter_keeps_the_contract(tmp_path):
        with adapter_contract.coupa_tenant() as bench:
            assert adapter_contract.violations("coupa", bench, tmp_path) == ()
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import enum
import ipaddress
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

from po_pw import errors, events, models, settings
from po_pw.auth import login
from po_pw.demo import catalogue, running_portal, server
from po_pw.demo.coupa import demo_tenant
from po_pw.demo.coupa import tenant_catalogue as coupa_catalogue
from po_pw.demo.coupa import tenant_server as coupa_server
from po_pw.engine import run as engine
from po_pw.orders import read
from po_pw.portals import registry
from po_pw.transport import allowed_hosts

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path

    from po_pw.portals import base

ODD: Final = (
    "",
    "x",
    "https://",
    "https://[",
    "http://h:99999/",
    "ftp://h/a",
    "https://h/%zz?a=b#c",
    "data:,x",
    "//h/a",
)
"""Malformed addresses, for functions that must accept any text."""
STRANGERS: Final = (
    "https://evil.example/a.pdf",
    "https://files.evil.example/a.pdf",
    "http://169.254.169.254/latest/meta-data",
    "http://10.0.0.7/a.pdf",
    "https://s3.amazonaws.com.evil.example/a.pdf",
)
"""Hosts that no portal uses for files."""
NUMBERS: Final = ("4500123", "PO-2024/0012", "PO 7", "Bestellung ü", "\u202e7", "x" * 200)
_MOST_AGAIN: Final = 6
"""Maximum orders that are read a second time."""
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Rule(enum.StrEnum):
    """Rules that an adapter must keep."""

    PURE = "PURE"
    """Its decisions depend only on the arguments, and it accepts any address."""
    HOSTS = "HOSTS"
    """`file_hosts` allows no foreign host, neither from the order's page nor after a redirect."""
    READS = "READS"
    """Every order gets the status that a person would give it, and exactly its files; missing, forbidden and failed
    orders are distinguished."""
    HARMLESS = "HARMLESS"
    """It requests and presses nothing that could change something."""
    STABLE = "STABLE"
    """Reading an order again finds the same attachments with the same ids and sections."""
    HONEST = "HONEST"
    """A page that is not the order's never counts as an order without attachments, or with its files."""
    SIGN_IN = "SIGN_IN"
    """A page after the session ended never counts as an order without attachments."""


@dataclasses.dataclass(frozen=True, slots=True)
class Violation:
    """A rule that was broken."""

    rule: Rule
    what: str
    """For people: which order or address, what was expected and what happened."""


@dataclasses.dataclass(frozen=True, slots=True)
class KnownOrder:
    """An order of a bench, and its expected result."""

    po_number: str
    url: str
    """`""` if the adapter's `order_url` makes it from the number and the bench's origin."""
    status: str
    """Of `models.Status`."""
    error: str | None
    """Of `models.ErrorCode`."""
    files: tuple[str, ...]
    """SHA-256 of each, hexadecimal."""


class Bench(Protocol):
    """A running portal whose content is known."""

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        ...

    @property
    def orders(self) -> Sequence[KnownOrder]:
        """In the order of processing."""
        ...

    @property
    def others(self) -> Sequence[str]:
        """Addresses of pages that are not of an order: its home, lists, an error, another record."""
        ...

    def sign_in(self, options: settings.Settings) -> None:
        """Signs in, and saves the sign-in in `options.home`, as `po-pw login` does."""
        ...

    def sign_out(self) -> None:
        """Ends all sessions on the server."""
        ...

    def changes(self) -> Sequence[str]:
        """Requests that changed something, or would have; not a POST that only downloads a file."""
        ...


def violations(adapter: str, bench: Bench, folder: Path, **options: Any) -> tuple[Violation, ...]:
    """Runs all checks on an adapter; takes a minute or more, and needs a browser.

    Args:
        adapter: its name.
        bench: the portal to check it with.
        folder: an empty folder for the output of the runs.
        options: other settings of the runs.

    Returns:
        The broken rules; `()` if there are none.

    Raises:
        InputError: there is no such adapter.
    """
    trial = _Trial(adapter, bench, folder, options)
    return (*trial.pure(), *trial.hosts(), *asyncio.run(trial.runs()))


class _Trial:
    """One adapter on one bench."""

    def __init__(self, adapter: str, bench: Bench, folder: Path, options: dict[str, Any]) -> None:
        self._bench = bench
        self._folder = folder
        self._runs = 0
        given = {"portal": adapter, "workers": 4, "backoff_base": 0.2, "backoff_cap": 1.0, **options}
        if not all(order.url for order in bench.orders):
            given["base_url"] = bench.origin
        self._given = given
        self._portal: base.Portal = registry.Registry(self._options("out")).for_url(bench.origin)

    def _options(self, out: str) -> settings.Settings:
        return settings.load(**{**self._given, "out": self._folder / out, "home": self._folder / "home"})

    # --- pure ---------------------------------------------------------------------------------------------------------

    def pure(self) -> Iterator[Violation]:
        """Checks its decisions, each twice."""
        portal = self._portal
        asked: dict[str, Callable[[str], object]] = {
            "claims": portal.recognises,
            "file_hosts": portal.file_hosts,
            "leads_to_files": portal.leads_to_files,
            "keep_alive": portal.keep_alive,
        }
        for url in (*ODD, *STRANGERS, self._bench.origin, *(order.url for order in self._bench.orders)):
            for name, ask in asked.items():
                try:
                    once, again = ask(url), ask(url)
                except Exception as error:  # noqa: BLE001 - whatever it raises is the finding
                    yield Violation(Rule.PURE, f"{name}({url!r}) raised {error!r}")
                    continue
                if once != again:
                    yield Violation(Rule.PURE, f"{name}({url!r}) gave {once!r}, then {again!r}")
                elif name == "claims" and not (isinstance(once, float | int) and 0 <= once <= 1):
                    yield Violation(Rule.PURE, f"claims({url!r}) gave {once!r}, which is not between 0 and 1")
        for number in NUMBERS:
            found, again = portal.order_url(number), portal.order_url(number)
            if found != again:
                yield Violation(Rule.PURE, f"order_url({number!r}) gave {found!r}, then {again!r}")
            if found is not None and not found.startswith(("http://", "https://")):
                yield Violation(Rule.PURE, f"order_url({number!r}) gave {found!r}, which is not a web address")

    def hosts(self) -> Iterator[Violation]:
        """Checks from which hosts it takes files."""
        portal = self._portal
        for order in self._bench.orders[:1]:
            url = order.url or portal.order_url(order.po_number) or self._bench.origin
            policy = allowed_hosts.host_policy(
                url, declared=portal.file_hosts(url), leads_to_files=portal.leads_to_files
            )
            for stranger in STRANGERS:
                for came_from in ("", url, stranger):
                    with contextlib.suppress(errors.PermanentError):
                        policy.check_file(stranger, came_from)
                        yield Violation(Rule.HOSTS, f"{stranger} is allowed, led to by {came_from or 'the page'}")
            for pattern in portal.file_hosts(url):
                if pattern.strip("*.") == "" or (_is_address(pattern) and pattern != urlsplit(url).hostname):
                    yield Violation(Rule.HOSTS, f"file_hosts has {pattern!r}, which is not a host name")

    # --- runs ---------------------------------------------------------------------------------------------------------

    async def runs(self) -> list[Violation]:
        """Runs the checks that need the portal."""
        found: list[Violation] = []
        await asyncio.to_thread(self._bench.sign_in, self._options("out"))
        outcomes, heard = await self._run(self._bench.orders, "out")
        found += self._compare(outcomes)
        found += await self._again(outcomes, heard)
        found += await self._strangers()
        found += self._harm(heard)
        found += await self._signed_out()
        return found

    async def _run(
        self, orders: Sequence[KnownOrder], out: str, resume: models.Resume | None = None
    ) -> tuple[dict[str, models.Outcome], list[events.Event]]:
        options = self._options(out)
        heard: list[events.Event] = []
        hub = events.Hub()
        hub.listen(heard.append)
        rows = [{"po_number": order.po_number, "url": order.url} for order in orders]
        outcomes: dict[str, models.Outcome] = {}
        async with engine.Run(options, hub) as run:
            given = read.given(rows, run.address_of)
            async for outcome in run.process(given.rows, name="contract", columns=given.columns, resume=resume):
                outcomes[outcome.po_number] = outcome
        return outcomes, heard

    def _compare(self, outcomes: dict[str, models.Outcome]) -> Iterator[Violation]:
        for order in self._bench.orders:
            outcome = outcomes.get(order.po_number)
            if outcome is None:
                yield Violation(Rule.READS, f"{order.po_number} was not processed")
                continue
            code = outcome.error.code.value if outcome.error else None
            if (outcome.status.value, code) != (order.status, order.error):
                said = f" ({outcome.error.message})" if outcome.error else ""
                expected = f"{order.status} {order.error or ''}".strip()
                yield Violation(Rule.READS, f"{order.po_number} is {outcome.status} {code or ''}{said}, not {expected}")
            if sorted(file.sha256 for file in outcome.files) != sorted(order.files):
                names = ", ".join(file.path for file in outcome.files)
                said = f"{len(outcome.files)} files ({names}), not the {len(order.files)} expected"
                yield Violation(Rule.READS, f"{order.po_number} has {said}")

    async def _again(self, outcomes: dict[str, models.Outcome], heard: Sequence[events.Event]) -> list[Violation]:
        """Reads some orders a second time."""
        complete = [one for one in self._bench.orders if one.status == models.Status.COMPLETED]
        # Spread over the list: neighbours may be alike.
        some = complete[:: max(1, len(complete) // _MOST_AGAIN)][:_MOST_AGAIN]
        _, later = await self._run(some, "out", models.Resume(refresh=True))
        found = []
        for order in some:
            first, second = (_attachments(said, order.po_number) for said in (heard, later))
            if outcomes[order.po_number].status is models.Status.COMPLETED and first != second:
                differing = ", ".join(sorted(f"{name} ({place})" for _, name, place in first ^ second))
                found.append(
                    Violation(Rule.STABLE, f"{order.po_number} was read differently the second time: {differing}")
                )
        return found

    async def _strangers(self) -> list[Violation]:
        """Uses other pages as the addresses of orders that have files.

        An adapter may find the order anyway, by its number.
        """
        with_files = [one for one in self._bench.orders if one.files]
        pairs = [
            dataclasses.replace(order, url=url) for order, url in zip(with_files, self._bench.others, strict=False)
        ]
        outcomes, _ = await self._run(pairs, "others")
        found = []
        for pair in pairs:
            outcome = outcomes[pair.po_number]
            own = sorted(file.sha256 for file in outcome.files) == sorted(pair.files)
            if outcome.status.succeeded and not (own and outcome.files):
                found.append(Violation(Rule.HONEST, f"{pair.url}, given for {pair.po_number}, is {outcome.status}"))
        return found

    def _harm(self, heard: Sequence[events.Event]) -> Iterator[Violation]:
        for what in self._bench.changes():
            yield Violation(Rule.HARMLESS, f"the portal was sent {what}")
        for event in heard:
            if (
                isinstance(event, events.RequestDecided)
                and event.purpose is not models.Purpose.FILE
                and event.ruling is not models.Ruling.STOP
                and event.method not in _READING
                and not event.is_unasked
            ):
                yield Violation(
                    Rule.HARMLESS, f"{event.label!r} sent {event.method} {event.url} to show more of a list"
                )

    async def _signed_out(self) -> list[Violation]:
        """Ends the session and reads orders: one with attachments, and one without."""
        self._bench.sign_out()
        wanted = {models.Status.COMPLETED.value, models.Status.NO_ATTACHMENTS.value}
        some = [next((one for one in self._bench.orders if one.status == status), None) for status in sorted(wanted)]
        orders = [one for one in some if one is not None]
        try:
            late, _ = await self._run(orders, "signed-out")
        except errors.LoginRequiredError:
            return []
        return [
            Violation(Rule.SIGN_IN, f"{number} is {outcome.status} without a sign-in")
            for number, outcome in late.items()
            if outcome.status.succeeded
        ]


def _attachments(heard: Sequence[events.Event], po_number: str) -> set[tuple[str, str, str]]:
    """Id, name and section of the attachments found on an order's page when it was last read."""
    pages = [event for event in heard if isinstance(event, events.PageRead) and event.po_number == po_number]
    return {(one.id, one.name, one.section) for one in pages[-1].listing.attachments} if pages else set()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


# --- the embedded portals --------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class _Embedded:
    """One of the demo portals as a bench."""

    origin: str
    orders: Sequence[KnownOrder]
    others: Sequence[str]
    _portal: running_portal.Portal | demo_tenant.Tenant

    def sign_in(self, options: settings.Settings) -> None:
        """Fills in the portal's form."""
        portal = self._portal
        asyncio.run(
            login.login(options, portal.sign_in_url, username=portal.username, password=portal.password, patience=60)
        )

    def sign_out(self) -> None:
        """Ends all sessions."""
        self._portal.sign_everybody_out()

    def changes(self) -> Sequence[str]:
        """The changes recorded by the tenant; the generic portal has nothing that could be changed."""
        harm = self._portal.harm if isinstance(self._portal, demo_tenant.Tenant) else ()
        return [f"{one.method} {one.path}" for one in harm]


@contextlib.contextmanager
def demo_portal(orders: int = 40) -> Iterator[Bench]:
    """The generic demo portal; with 40 orders or more it has every kind of page."""
    given = catalogue.PortalSettings(orders=orders, latency=0.05, file_latency=0.0, large_bytes=3_000_000)
    with server.serve_in_thread(given) as portal:
        known = [_known(order, portal.order_url(order.po_number)) for order in portal.orders]
        others = [f"{portal.origin}/", f"{portal.origin}/orders/none-of-these", f"{portal.origin}/static/none"]
        yield _Embedded(portal.origin, known, others, portal)


@contextlib.contextmanager
def coupa_tenant(only: Collection[str] | None = None) -> Iterator[Bench]:
    """A Coupa tenant; the addresses of its orders are made from their numbers.

    Args:
        only: variants (`po_pw.demo.coupa.tenant_variants.Variant`); None for all.
    """
    given = coupa_catalogue.TenantSettings(latency=0.02, late=0.2, sign_in=coupa_catalogue.SignIn.NATIVE)
    with coupa_server.serve_in_thread(given) as tenant:
        known = [_known(order, "") for order in tenant.orders if only is None or order.variant in only]
        paths = ("/user/home", "/order_headers", "/invoices", "/order_headers/999", tenant.all_orders[-1].path)
        yield _Embedded(tenant.origin, known, [f"{tenant.origin}{path}" for path in paths], tenant)


def _known(order: catalogue.DemoOrder | coupa_catalogue.TenantOrder, url: str) -> KnownOrder:
    files = tuple(file.sha256 for file in order.files)
    return KnownOrder(order.po_number, url, order.expected_status, order.expected_error, files)
