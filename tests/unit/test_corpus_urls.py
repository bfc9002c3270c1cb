"""The addresses of fixtures/corpus/urls.json, as an order's, a file's and a redirect's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from po_pw import errors, hostnames, models
from po_pw.orders import read
from po_pw.transport import addresses

CORPUS: Final = json.loads((Path(__file__).parents[2] / "fixtures" / "corpus" / "urls.json").read_text("utf-8"))
BASE: Final = "https://portal.example/orders/1"


def said(entry: dict[str, Any]) -> str:
    return str(entry["why"])


def whole(entry: dict[str, Any]) -> str:
    """The address; long ones are stored as a repeated part and a count."""
    return str(entry["url"]) + str(entry.get("more", "")) * int(entry.get("times", 0)) + str(entry.get("end", ""))


def row(url: str) -> models.Row:
    return read.order_from_mapping({"po_number": "PO-1", "url": url}, 7)


def test_there_are_enough() -> None:
    """The corpus has enough addresses, each once and with its purpose."""
    cases = CORPUS["addresses"]
    assert len(cases) >= 50
    assert len({whole(entry) for entry in cases}) == len({said(entry) for entry in cases}) == len(cases)


@pytest.mark.parametrize("entry", CORPUS["addresses"], ids=said)
def test_as_an_orders_address(entry: dict[str, Any]) -> None:
    """It is accepted unchanged, or the row is refused with INVALID_URL, its cell and no password."""
    url = whole(entry)
    found = row(url)
    if entry["order"]:
        assert found.problem is None
        assert found.order is not None
        assert found.order.url == url.strip(" \u200b\ufeff")
        assert urlsplit(found.order.url).scheme in {"http", "https"}
    else:
        assert found.order is None
        assert found.problem is not None
        assert found.problem.code is models.ErrorCode.INVALID_URL
        assert found.problem.message.startswith("orders, row 7, column url: ")
        assert "secret" not in found.problem.message
        assert len(found.problem.message) < 250
        assert len(found.problem.message.splitlines()) == 1


@pytest.mark.parametrize("entry", CORPUS["addresses"], ids=said)
def test_as_a_files_address(entry: dict[str, Any]) -> None:
    """It is requested as by a browser, or refused with INVALID_URL."""
    url = whole(entry)
    if entry["link"] is None:
        with pytest.raises(errors.PermanentError) as caught:
            addresses.parse(url)
        assert caught.value.code is models.ErrorCode.INVALID_URL
        assert "secret" not in str(caught.value)
    else:
        assert str(addresses.parse(url)) == (url if entry["link"] == "=" else entry["link"])


@pytest.mark.parametrize("entry", CORPUS["redirects"], ids=said)
def test_as_a_redirects_target(entry: dict[str, Any]) -> None:
    """It leads where a browser would go, or nowhere, and never to another scheme."""
    if entry["leads"] is None:
        with pytest.raises(errors.PermanentError, match=r"not an http\(s\) address") as caught:
            addresses.parse(entry["to"], BASE)
        assert caught.value.code is models.ErrorCode.INVALID_URL
    else:
        assert str(addresses.parse(entry["to"], BASE)) == entry["leads"]


schemes = st.sampled_from(["http", "https", "HTTPS", "file", "javascript", "data", "ftp", "blob", "", "ht\ttps"])
tricks = st.text(st.sampled_from("ab.:/\\@?#[]%0x1729\t\n \u3002\uff0f\u00ad\u00e9-_"), max_size=24)


@given(schemes, st.sampled_from([":", "://", ":/", ":\\\\", "//", ""]), tricks)
def test_any_text_is_refused_or_a_host_that_all_read_alike(scheme: str, mark: str, rest: str) -> None:
    """Accepted addresses are http(s) with one plain host and a valid port, and stay so."""
    url = f"{scheme}{mark}{rest}"
    order = row(url).order
    if order is not None:
        parts = urlsplit(order.url)
        assert parts.scheme in {"http", "https"}
        assert hostnames.is_plain(parts.netloc)
        assert "\\" not in parts.netloc
    try:
        asked = addresses.parse(url, BASE)
    except errors.PermanentError:
        return
    assert asked.scheme in {"http", "https"}
    assert asked.host
    assert addresses.parse(str(asked)) == asked


@given(st.integers(0, 2**32 - 1), st.sampled_from(["{}", "0x{:x}", "0{:o}", "{0}.", "{}."]))
def test_no_number_is_a_host(number: int, writing: str) -> None:
    """A host that is a single number, in any notation, is refused."""
    assert not hostnames.is_plain(writing.format(number))
