"""MailDesk connector: the sidecar that keeps Outlook mailboxes and Odoo's MailDesk in step.

The rooms: `graph` speaks to Microsoft and knows nothing of Odoo, `odoo` speaks to the addon and knows nothing of
Microsoft, `sync` decides, `content` fetches bodies, `state` remembers, `web` listens, `app` builds it all.
"""

from importlib.metadata import version

__all__ = ["__version__"]

__version__ = version("maildesk-connector")
