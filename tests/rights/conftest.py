"""One Odoo for the table, and a mailbox that nobody changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.rights.place import Box, Place, open_place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.odoo.template import Run


@pytest.fixture(scope="package")
def place(run: Run) -> Iterator[Place]:
    """Run the Odoo of the table."""
    with open_place(run) as place:
        yield place


@pytest.fixture(scope="package")
def standing(place: Place) -> Box:
    """Return a mailbox for all that only reads."""
    return place.new_box()
