"""What the doctor says of the connector that runs."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from connector.config import Config
from connector.doctor.finding import Status
from connector.doctor.odoo import examine_odoo
from connector.http import open_client
from connector.state.vault import new_key
from tests.odoo.process import free_port
from tests.web.conftest import SECRET, FakeBackend, serving

# Every word of `/readyz` (docs/protocol.md, 2.5).
WORDS = ("starting", "odoo", "refused", "standby", "foreign", "state")


@pytest.mark.parametrize("word", WORDS)
async def test_doctor_says_of_each_word_of_readyz_what_to_do(word: str) -> None:
    """More than to look into the log, since whoever asks the doctor did not find it there."""
    async with serving(FakeBackend(ready=word)) as running, open_client() as http:
        config = Config.model_validate(
            {
                "odoo": {"url": f"http://127.0.0.1:{free_port()}", "database": "d", "login": "l", "api_key": "k"},
                "server": {"listen": urlsplit(running.url).netloc, "secret": SECRET},
                "vault": {"keys": [new_key()]},
            }
        )
        connector, *_ = await examine_odoo(config, http, None)
    assert (connector.check, connector.status) == ("connector", Status.WRONG)
    assert f"({word})" in connector.said
    assert connector.to_do != "see its log"
