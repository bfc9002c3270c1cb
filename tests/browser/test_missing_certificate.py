"""A host asks for a client certificate and gets none."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from po_pw.browser import nss
from tests.browser.test_corporate_network import PASSWORD, run, served
from tests.helpers import certificates

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.loop_thread import LoopThread


@pytest.mark.skipif(not nss.is_used() or bool(nss.missing_tools()), reason="needs NSS' tools (libnss3-tools)")
def test_a_host_that_asks_for_a_certificate_and_is_not_named(
    loop: LoopThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the browser waits for a person to choose a certificate, the message names the host and the option."""
    authority = certificates.issue("Corporation")
    tls = certificates.server_context(tmp_path, authority)
    certificates.trusting_home(tmp_path / "user", tmp_path / "ca.pem")
    (tmp_path / "anna.p12").write_bytes(certificates.issue("Anna", authority).p12(PASSWORD))
    command = ["pk12util", "-i", str(tmp_path / "anna.p12"), "-W", PASSWORD, "-K", ""]
    subprocess.run([*command, "-d", f"sql:{tmp_path}/user/.pki/nssdb"], check=True, capture_output=True)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)

    async def body() -> None:
        async with served(tls) as network:
            outcomes, _ = await run(tmp_path / "run", f"https://localhost:{network.port}", navigation_timeout=5)
            said = [outcome.error.message for outcome in outcomes if outcome.error is not None]
            assert len(said) == 2
            for one in said:
                assert f"localhost:{network.port} cannot be opened: it asks for a client certificate" in one
                assert "--client-certificate-host localhost" in one

    loop.run(body())
