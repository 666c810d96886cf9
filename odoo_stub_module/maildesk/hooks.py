"""What Odoo does not remove by itself when the addon is uninstalled: parameters, the connector's keys, messages on the bus."""


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
    # With its index: a function belongs to no table.
    env.cr.execute("DROP FUNCTION IF EXISTS maildesk_correspondents CASCADE")
