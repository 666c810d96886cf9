# data
from . import mailbox_audit
from . import mailbox_mail
from . import mailbox_account
from . import mailbox_account_life
from . import mailbox_account_export
from . import mailbox_account_signin
from . import mailbox_folder
from . import mailbox_folder_sync
from . import mailbox_search_terms
from . import mailbox_message_index
from . import mailbox_message_list
from . import mailbox_message_search
from . import mailbox_message_remote
from . import mailbox_message_body
from . import mailbox_message_attachment
from . import mailbox_message_reading
from . import mailbox_trusted_sender
from . import mailbox_action
from . import mailbox_action_do
from . import mailbox_draft
from . import mailbox_draft_write
from . import mailbox_draft_send
from . import mailbox_bounce
from . import mailbox_signin
from . import mailbox_unreadable
from . import mailbox_lease
from . import res_users
from . import connector_user
from . import mailbox_hello
from . import res_config_settings
from . import base_module_uninstall
from . import ir_rule

# what the connector calls
from . import mailbox_connector
from . import mailbox_apply
from . import mailbox_compare
from . import mailbox_outbox
from . import mailbox_draft_wire

# Odoo's own world
from . import mailbox_contact
from . import res_partner
from . import res_partner_writing
from . import mailbox_news
from . import res_users_preferences
from . import ir_http
