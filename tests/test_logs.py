"""The log: ids and hosts, never a secret or mail, at whatever level."""

from __future__ import annotations

import ast
import json
import logging
from pathlib import Path
from typing import Literal

import pytest
import structlog
from pydantic import SecretStr

from connector import logs
from connector.config import LogConfig, OdooConfig
from connector.errors import OdooRefused
from connector.http import MockTransport, Request, Response, open_client
from connector.odoo import open_odoo

SECRET = "hunter2-hunter2"


def configure(form: Literal["console", "json"]) -> None:
    """Log everything there is."""
    logs.configure(LogConfig(level="debug", format=form))


@pytest.mark.parametrize("form", ["console", "json"])
def test_log_exception_tells_no_local_variables(form: Literal["console", "json"], capsys: pytest.CaptureFixture[str]) -> None:
    """A traceback shows the code, not what went through it: local variables hold tokens and mail."""
    configure(form)

    def fails(token: str) -> None:
        raise RuntimeError(f"token of {len(token)} characters")

    try:
        fails(SECRET)
    except RuntimeError as error:
        structlog.get_logger().error("crashed", exc_info=error)
    shown = capsys.readouterr().err
    assert "token of 15 characters" in shown
    assert SECRET not in shown


@pytest.mark.parametrize("form", ["console", "json"])
@pytest.mark.parametrize("key", ["token", "secret", "subject", "body", "email", "code", "authorization", "password"])
def test_log_value_of_a_telling_key_is_masked(form: Literal["console", "json"], key: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Should one ever be passed: it does not come out."""
    configure(form)
    structlog.get_logger().info("event", **{key: SECRET})
    assert SECRET not in capsys.readouterr().err


def test_log_nothing_worth_reading_is_called_like_a_secret() -> None:
    """A code of Graph's under the key "code" would be masked as one of Entra's, and nobody would ever learn it."""
    keys = {
        (path.name, keyword.arg)
        for path in Path(logs.__file__).parent.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "_log"
        for keyword in call.keywords
        if keyword.arg is not None
    }
    assert ("client.py", "graph_code") in keys
    masked = {key: "" for _, key in keys}
    assert [key for key, value in logs.mask(None, "info", masked).items() if value == "***"] == []


def test_log_secret_of_the_configuration_is_masked_by_its_type(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever the key is called."""
    configure("console")
    structlog.get_logger().info("event", what=SecretStr(SECRET))
    assert SECRET not in capsys.readouterr().err


@pytest.mark.parametrize("name", logs.QUIET_LOGGERS)
def test_log_libraries_are_held_at_warning(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """They log URLs and keys at DEBUG and INFO."""
    configure("console")
    logging.getLogger(name).debug("secret %s", SECRET)
    logging.getLogger(name).info("secret %s", SECRET)
    assert SECRET not in capsys.readouterr().err


@pytest.mark.parametrize("transport", ["json2", "jsonrpc"])
@pytest.mark.parametrize("answer", [200, 401, 500])
async def test_log_of_a_call_to_odoo_tells_no_key(
    transport: Literal["json2", "jsonrpc"], answer: int, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """The whole way at DEBUG, with whatever Odoo answers: no key in a log, an error or its causes."""
    configure("json")
    config = OdooConfig(url="http://127.0.0.1:1", database="d", login="who@example.org", api_key=SecretStr(SECRET), transport=transport)

    def handle(request: Request) -> Response:
        if request.url.path == "/web/webclient/version_info":
            return Response(200, json={"result": {"server_version": "19.0"}})
        # What Odoo does when it is asked nicely: it repeats the question.
        return Response(answer, json={"result": False, "name": "builtins.ValueError", "message": f"bad call {request.content!r}"})

    async with open_client(transport=MockTransport(handle)) as client, open_odoo(config, client) as odoo:
        with pytest.raises(Exception) as caught:  # noqa: PT011 - any of them
            await odoo.hello("1")
    structlog.get_logger().error("failed", reason=str(caught.value), exc_info=caught.value)
    shown = capsys.readouterr().err + caplog.text + repr(caught.value)
    assert SECRET not in shown
    assert "who@example.org" not in shown


def test_log_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """For a collector: time, level, event and what was bound."""
    configure("json")
    structlog.get_logger().info("event", account=7, error=str(OdooRefused("no")))
    event = json.loads(capsys.readouterr().err)
    assert (event["event"], event["level"], event["account"], event["error"]) == ("event", "info", 7, "no")
    assert event["timestamp"].endswith("Z")


def test_log_level_leaves_out_what_is_below(capsys: pytest.CaptureFixture[str]) -> None:
    """As it says."""
    logs.configure(LogConfig(level="warning"))
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")
    shown = capsys.readouterr().err
    assert "loud" in shown
    assert "quiet" not in shown
