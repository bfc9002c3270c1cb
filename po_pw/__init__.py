"""Download every attachment of your purchase orders from supplier portals, in parallel, with a real browser."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from po_pw.version import __version__ as __version__

if TYPE_CHECKING:
    from po_pw.api import HeadlessConfiguration, MainApp, WorkerPool
    from po_pw.api_results import OrderResult, RunResult
    from po_pw.browser.profiles import ProfileManager
    from po_pw.engine.open_run import open_run as open_run
    from po_pw.engine.run import Run
    from po_pw.errors import (
        BrowserNotFoundError,
        InputError,
        LoginRequiredError,
        MachineError,
        ParallelProcessingError,
        PoPwError,
        ProfileError,
        ResourceExhaustedError,
    )
    from po_pw.settings import Settings

_MODULES = {
    "HeadlessConfiguration": "api",
    "MainApp": "api",
    "WorkerPool": "api",
    "OrderResult": "api_results",
    "RunResult": "api_results",
    "ProfileManager": "browser.profiles",
    "Run": "engine.run",
    "open_run": "engine.open_run",
    "Settings": "settings",
    "BrowserNotFoundError": "errors",
    "MachineError": "errors",
    "InputError": "errors",
    "LoginRequiredError": "errors",
    "ParallelProcessingError": "errors",
    "PoPwError": "errors",
    "ProfileError": "errors",
    "ResourceExhaustedError": "errors",
}

__all__ = [
    "BrowserNotFoundError",
    "HeadlessConfiguration",
    "InputError",
    "LoginRequiredError",
    "MachineError",
    "MainApp",
    "OrderResult",
    "ParallelProcessingError",
    "PoPwError",
    "ProfileError",
    "ProfileManager",
    "ResourceExhaustedError",
    "Run",
    "RunResult",
    "Settings",
    "WorkerPool",
    "open_run",
]


def __dir__() -> list[str]:
    # The public names; subpackages are found by importing them.
    return sorted(["__version__", "__doc__", *__all__])


def __getattr__(name: str) -> Any:
    # On demand: `po-pw --help` imports this package, too, and must start quickly.
    if name in _MODULES:
        return getattr(importlib.import_module(f"po_pw.{_MODULES[name]}"), name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
