"""Pages like those of real portals are read as a careful person would read them, without harm."""

from __future__ import annotations

import collections
import dataclasses
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin

import aiohttp
import pytest

from tests.helpers import gallery_reader, gallery_site
from tests.helpers.gallery_site import GallerySite

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.helpers.gallery_reader import Reading
    from tests.helpers.gallery_site import Case, ExpectedFile
    from tests.helpers.loop_thread import LoopThread

needs_reader = pytest.mark.skipif(gallery_reader.IS_STUB, reason="the gallery's reader is still a stub")


@pytest.fixture
def gallery() -> Iterator[GallerySite]:
    with GallerySite() as site:
        yield site


def _plain(name: str) -> str:
    return " ".join(name.split())


def _is(file: ExpectedFile, name: str, address: str, origin: str) -> bool:
    """Whether a file that was read is this one."""
    addresses = {unquote(urljoin(origin, one)) for one in file.addresses}
    return _plain(name) in {file.name, *file.also} and (not addresses or unquote(address) in addresses)


def faults(case: Case, reading: Reading | None, origin: str) -> list[str]:
    """What is wrong with a reading, in words; empty if a person would say the same."""
    if reading is None:
        return ["was not read"]
    found = []
    if reading.verdict not in {case.verdict, *case.or_else}:
        found.append(f"{reading.verdict} instead of {case.verdict}")
    if case.kind != "ORDER":
        return found
    if reading.incomplete != (reading.verdict == "INCOMPLETE"):
        found.append(f"incomplete is {reading.incomplete}")
    read = list(zip(reading.names, reading.addresses, strict=True))
    for file in case.files:
        its = [one for one in read if _is(file, *one, origin)]
        if its:
            read.remove(its[0])
        elif not file.optional:
            found.append(f"lacks {file.name!r}")
    return found + [f"has {name!r} ({address})" for name, address in read]


@needs_reader
@pytest.mark.timeout(2000)
def test_pages_are_read_as_a_person_would_read_them(gallery: GallerySite, loop: LoopThread) -> None:
    """All pages are read correctly, except those listed as wrong; a listed page that is right fails the test."""
    readings = loop.run(gallery_reader.read_cases(gallery, gallery.cases.values()), timeout=1900)
    wrong = {id_: faults(case, readings.get(id_), gallery.origin) for id_, case in gallery.cases.items()}
    for id_, what in wrong.items():
        mark = "ok   " if not what else "known" if id_ in gallery.known_wrong else "WRONG"
        print(f"{mark} {id_:44} {gallery.cases[id_].theme:12} {'; '.join(what)}")  # noqa: T201 - the score is a table
    print(f"{sum(not what for what in wrong.values())} of {len(wrong)} right")  # noqa: T201
    assert {id_: what for id_, what in wrong.items() if what and id_ not in gallery.known_wrong} == {}
    assert [id_ for id_ in gallery.known_wrong if not wrong[id_]] == []
    assert [str(request) for request in gallery.harm] == []


@needs_reader
@pytest.mark.timeout(2000)
def test_controls_are_used_as_a_person_would_use_them(gallery: GallerySite, loop: LoopThread) -> None:
    """The site's log shows which controls were used: each has its own address."""
    loop.run(gallery_reader.use_controls(gallery, gallery.control_pages()), timeout=1900)
    asked = {str(request).removesuffix("?") for request in gallery.log}
    wrong = []
    for control in gallery.controls.values():
        used = {method for method in ("GET", "POST", "DELETE", "PUT", "PATCH") if f"{method} {control.path}" in asked}
        wanted = {"press": {"POST"}, "fetch": {"GET"}, "leave": set()}[control.use]
        if used != wanted:
            wrong.append(f"{control.id} {control.language} {control.label!r}: {control.use}, but {sorted(used)}")
        if control.beside and f"GET {control.beside}" not in asked:
            wrong.append(f"{control.id} {control.language} {control.label!r}: the file beside it was not fetched")
    assert wrong == []
    assert [str(request) for request in gallery.harm] == []


def test_the_gallery_is_as_large_as_it_must_be(gallery: GallerySite) -> None:
    cases, controls = gallery.cases.values(), gallery.controls.values()
    assert len(cases) >= 90
    assert len({case.make for case in cases}) >= 30
    assert {case.verdict for case in cases} == gallery_site.VERDICTS
    assert set(gallery.known_wrong) <= set(gallery.cases)
    assert len(controls) >= 150
    assert len({control.language for control in controls}) >= 25
    uses = collections.Counter(control.use for control in controls)
    assert set(uses) == gallery_site.USES
    assert uses["leave"] >= len(controls) / 2


def test_controls_have_paths_of_their_own(gallery: GallerySite) -> None:
    paths = collections.Counter(control.path for control in gallery.controls.values())
    assert [path for path, times in paths.items() if times > 1] == []
    assert [one.id for one in gallery.controls.values() if one.path not in one.markup] == []
    assert [one.id for one in gallery.controls.values() if re.search(r"\{\{", one.markup)] == []


def test_expected_files_have_names_and_verdicts_agree(gallery: GallerySite) -> None:
    for case in gallery.cases.values():
        assert all(file.name for file in case.files), case.id
        if case.verdict == "FILES":
            assert case.files, case.id
        elif case.verdict != "INCOMPLETE":
            assert not case.files, case.id


def test_what_a_person_would_say_has_no_fault_and_anything_else_has(gallery: GallerySite) -> None:
    for case in gallery.cases.values():
        files = [file for file in case.files if not file.optional]
        right = gallery_reader.Reading(
            case.verdict,
            tuple(file.name for file in files),
            tuple(urljoin(gallery.origin, file.addresses[0]) if file.addresses else "" for file in files),
            incomplete=not case.complete,
        )
        assert faults(case, right, gallery.origin) == [], case.id
        wrong = {"FILES": "NONE", "NONE": "NO_AREA"}.get(case.verdict, "FILES")
        assert faults(case, dataclasses.replace(right, verdict=wrong), gallery.origin), case.id
        if case.kind == "ORDER":
            assert faults(case, dataclasses.replace(right, incomplete=case.complete), gallery.origin), case.id
            more = dataclasses.replace(right, names=(*right.names, "terms.pdf"), addresses=(*right.addresses, "x"))
            assert faults(case, more, gallery.origin), case.id
        if files:
            fewer = dataclasses.replace(right, names=right.names[1:], addresses=right.addresses[1:])
            assert faults(case, fewer, gallery.origin), case.id


def test_every_page_and_every_file_is_served_and_files_differ(gallery: GallerySite, loop: LoopThread) -> None:
    """Asking for what a case expects is never harm; asking for anything else changes nothing unseen."""

    async def ask() -> None:
        async with aiohttp.ClientSession() as client:
            bodies = set()
            for case in gallery.cases.values():
                for path in (case.path, *case.neighbours):
                    async with client.get(gallery.origin + path) as answer:
                        assert answer.status == case.status
                        assert "{{" not in await answer.text(), case.id
                for address in [one for file in case.files for one in file.addresses if not one.startswith("https:")]:
                    async with client.get(urljoin(gallery.origin, address)) as answer:
                        assert answer.status == 200
                        body = await answer.read()
                        assert body not in bodies, address
                        bodies.add(body)
            assert gallery.harm == []
            assert gallery.strays == []
            async with client.post(gallery.origin + "/orders/1/approve") as answer:
                assert answer.status == 200
            assert [str(request) for request in gallery.harm] == ["POST /orders/1/approve"]

    loop.run(ask())
