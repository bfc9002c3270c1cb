"""How Sphinx makes one searchable folder of HTML from README and `docs/`; CONTRIBUTING.md has the command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project: Final = "po_pw"
extensions: Final = ["myst_parser"]
include_patterns: Final = ["*.md", "docs/*.md"]
exclude_patterns: Final = [".*", "downloads", "fixtures", "po_pw", "site", "tests"]
root_doc: Final = "docs/index"
smartquotes_action: Final = "qe"  # no dashes: "--workers" is an option
html_theme: Final = "furo"
html_title: Final = "po_pw"
html_copy_source: Final = False
html_show_copyright: Final = False
myst_heading_anchors: Final = 3

_CONTENTS: Final = """

```{toctree}
:hidden:

Start here </README>
/docs/lists
/docs/results
/docs/statuses
/docs/options
/docs/troubleshooting
/docs/portals
/docs/security
/docs/promises
/docs/networks
/docs/tuning
/docs/unattended
/docs/python
Records, key by key </docs/records>
Events as JSON lines </docs/events>
/ARCHITECTURE
/docs/modules
/CONTRIBUTING
/playwright.config
/CHANGELOG
```
"""
"""The pages in their order; not in `index.md`, where a reader of the plain text would meet it."""


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _add_contents)


def _add_contents(app: Sphinx, name: str, source: list[str]) -> None:
    del app
    if name == root_doc:
        source[0] += _CONTENTS
