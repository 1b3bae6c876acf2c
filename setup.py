"""What pyproject.toml cannot say: the folder `docs/` is shipped inside the package, from its one copy.

It is the default knowledge base, so an installed product needs it as much as a clone does.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SHIPPED = {".md", ".jsonl"}


class BuildWithDocumentation(build_py):
    """Copies the documentation to `assistant/_documentation`; an editable install reads `docs/` itself."""

    def run(self) -> None:
        """Build the packages, then put the documentation beside them."""
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib) / "assistant" / "_documentation"
        shutil.rmtree(target, ignore_errors=True)
        for path in sorted(Path("docs").rglob("*")):
            if path.suffix in SHIPPED:
                copy = target / path.relative_to("docs")
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)


setup(cmdclass={"build_py": BuildWithDocumentation})
