"""What Odoo does not remove by itself when the addon is uninstalled: parameters, keys, messages on the bus, functions in PostgreSQL."""


def uninstall_hook(env):
    """Wipe before the tables are dropped: tokens and cursors first, so that none is left whatever happens to the rest."""
    env.flush_all()
    env.cr.execute("UPDATE mailbox_account SET token_sealed = NULL")
    env.cr.execute("UPDATE mailbox_folder_sync SET cursor = NULL")
    env.invalidate_all()
    env["ir.config_parameter"].search([("key", "=like", "maildesk.%")]).unlink()
    # The technical user stays, as a user whom somebody made; but no key opens Odoo as that user any more.
    robots = env.ref("maildesk.group_connector").with_context(active_test=False).all_user_ids
    env["res.users.apikeys"].search([("user_id", "in", robots.ids)]).unlink()
    env["bus.bus"].search([("message", "=like", '%"type":"maildesk/%')]).unlink()
    env["mail.message"].search([("model", "=like", "mailbox.%")]).unlink()
    # Odoo drops the tables of models, and with them triggers and indexes.
    env.cr.execute("DROP TABLE mailbox_message_mark")
    env.cr.execute("DROP TRIGGER maildesk_mark_insert ON mailbox_message_index")
    env.cr.execute("DROP TRIGGER maildesk_mark_update ON mailbox_message_index")
    env.cr.execute("DROP TRIGGER maildesk_mark_delete ON mailbox_message_index")
    env.cr.execute("DROP FUNCTION maildesk_mark()")
    env.cr.execute("DROP FUNCTION maildesk_terms(int4, text, text, text, text, jsonb, jsonb, jsonb) CASCADE")
    env.cr.execute("DROP FUNCTION maildesk_fold(text)")
    # With its index: a function belongs to no table.
    env.cr.execute("DROP FUNCTION IF EXISTS maildesk_correspondents CASCADE")
