"""The configuration of the connector as the wizard shows it: text to paste, with nothing left to find out but the vault key.

It needs nothing of Odoo, so that the connector's tests can read what it writes.
"""

from urllib.parse import urlsplit

# What an administrator has to do before the connector starts, as comments where the eye is.
_HEAD = """\
# The MailDesk connector for {odoo_url}: save as maildesk.yaml where the connector runs, readable by its user alone (chmod 600).
# This text is shown once and kept nowhere. What else can be set: config/maildesk.example.yaml.
"""

# Instead of it where a connector has reported before: it has a file, and that holds what Odoo does not know.
_HEAD_AGAIN = """\
# The MailDesk connector for {odoo_url}. A connector has reported before, so it has a maildesk.yaml: do not replace that one.
# Take only the sections odoo and server from here into it, leave all else (entra, vault, state, ...) as it is there, and start it again.
# Only where that file is lost, save this as maildesk.yaml, readable by the connector's user alone (chmod 600).
# This text is shown once and kept nowhere. What else can be set: config/maildesk.example.yaml.
"""

_ODOO = """
odoo:
  url: {odoo_url}
  database: {database}
  login: {login}
  api_key: {api_key}
"""

_ENTRA = """
# The app registration at Microsoft (docs/azure-app-registration.md); until it is filled in, MailDesk says "OAuth Not Configured".
# Its redirect URI: {redirect_uri}
#entra:
#  tenant: common
#  client_id: 00000000-0000-0000-0000-000000000000
#  client_secret: ${{MAILDESK_ENTRA_CLIENT_SECRET}}
"""

_SERVER = """
server:
  listen: {listen}
  secret: {secret}
"""

_TLS = """\
  # Odoo asks by https: the certificate (with those that it was issued by) and its key, as PEM files on the connector's machine.
  tls_certificate: /etc/maildesk/connector.crt
  tls_key: /etc/maildesk/connector.key
"""

_UNENCRYPTED = """\
  # Odoo asks by http from another machine: whoever is on the network between them can read the secret and all mail.
  allow_unencrypted: true
"""

_VAULT = """
vault:
  # Seals the sign-ins of all mailboxes. Make one with: maildesk-connector keys new
  # Either set it as this environment variable, or put it here in its place. Keep a copy in a safe place.
  keys: ["${MAILDESK_VAULT_KEY}"]

state:
  path: var/maildesk.sqlite3
"""

_NEW_KEY = """\
# In the connector's maildesk.yaml, in the section odoo, replace api_key by this line, then start the connector again.
# The key that it has now stays valid until the connector has come with this one. Shown once, kept nowhere.
  api_key: {api_key}
"""


def is_loopback(host):
    """Tell whether a host is the machine that asks, as far as its name says."""
    return host in ("localhost", "::1") or host.startswith("127.")


def whole_configuration(*, odoo_url, database, login, api_key, connector_url, secret, redirect_uri, is_known=False):
    """Return the YAML of a connector that Odoo reaches at `connector_url`; one that `is_known` has a file of its own already."""
    parts = urlsplit(connector_url)
    host = parts.hostname or "127.0.0.1"
    port = parts.port or (443 if parts.scheme == "https" else 80)
    at_home = is_loopback(host)
    listen = f"{f'[{host}]' if ':' in host else host}:{port}" if at_home else f"0.0.0.0:{port}"
    server = _SERVER.format(listen=_quoted(listen), secret=_quoted(secret))
    if parts.scheme == "https":
        server += _TLS
    elif not at_home:
        server += _UNENCRYPTED
    return "".join(
        (
            (_HEAD_AGAIN if is_known else _HEAD).format(odoo_url=_one_line(odoo_url)),
            _ODOO.format(
                odoo_url=_quoted(odoo_url.rstrip("/")), database=_quoted(database), login=_quoted(login), api_key=_quoted(api_key)
            ),
            _ENTRA.format(redirect_uri=_one_line(redirect_uri)),
            server,
            _VAULT,
        )
    )


def new_key_lines(api_key):
    """Return what changes in the configuration with a new key."""
    return _NEW_KEY.format(api_key=_quoted(api_key))


def _quoted(text):
    """Return a double-quoted scalar; not by JSON, whose two escapes for one large character are two characters in YAML."""
    return '"' + "".join(map(_character, text)) + '"'


def _character(one):
    if one in '"\\':
        return f"\\{one}"
    if " " <= one <= "~":
        return one
    return f"\\u{ord(one):04x}" if ord(one) < 0x10000 else f"\\U{ord(one):08x}"


def _one_line(text):
    return " ".join(text.split())
