"""Write the addon's terms for translators, exported by Odoo itself: `make terms`.

`maildesk.pot` has every term of the sources. Each `.po` beside it keeps its translations, loses what is no more in the sources and gets
what is new, untranslated: the addon's test_translations.py then names it. (Odoo's own export of a language would drop each translation
that is the same word, such as "Status".)
"""

from __future__ import annotations

import subprocess
import sys

from tests.odoo.process import SetupError, free_port
from tests.odoo.server import ADDONS, environment, write_config
from tests.odoo.template import TEMPLATE, open_run

I18N = ADDONS / "maildesk" / "i18n"

# Runs in Odoo's shell; `FOLDER` is put before it.
_SCRIPT = """
import pathlib, polib
from odoo.tools.translate import trans_export
template = pathlib.Path(FOLDER, "maildesk.pot")
with template.open("wb") as out:
    trans_export(None, ["maildesk"], out, "po", env)
for path in pathlib.Path(FOLDER).glob("*.po"):
    language = polib.pofile(str(path), wrapwidth=78)
    language.merge(polib.pofile(str(template)))
    for gone in language.obsolete_entries():
        language.remove(gone)
    language.save()
    print("TERMS", path.name, "not translated:", len(language.untranslated_entries()))
"""


def main() -> None:
    """Export the terms, and bring each language up to them."""
    I18N.mkdir(exist_ok=True)
    with open_run("addon") as run:
        run.cluster.clone(TEMPLATE, "terms")
        config = write_config(run.folder / "terms.conf", run.install, run.cluster, run.folder / "data", free_port())
        line = [*run.install.command, "shell", "-c", str(config), "-d", "terms"]
        script = f"FOLDER = {str(I18N)!r}\n{_SCRIPT}\n"
        done = subprocess.run(  # noqa: S603 - our Odoo
            line, input=script, capture_output=True, text=True, check=False, env=environment(run.install)
        )
    if done.returncode or "TERMS" not in done.stdout:
        raise SetupError(f"the terms could not be exported:\n{done.stderr[-2000:]}")
    print("\n".join(text.partition("TERMS ")[2] for text in done.stdout.splitlines() if "TERMS" in text))  # noqa: T201 - a person asked


if __name__ == "__main__":
    try:
        main()
    except SetupError as error:
        sys.exit(str(error))
