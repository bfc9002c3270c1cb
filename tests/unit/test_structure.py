"""The structure that import-linter does not check."""

from __future__ import annotations

import graphlib

import grimp


def test_no_module_is_in_a_circle_of_imports() -> None:
    """No module imports itself through others, not even for its types."""
    graph = grimp.build_graph("po_pw", cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    graphlib.TopologicalSorter(imports).prepare()  # raises CycleError, which names the circle
