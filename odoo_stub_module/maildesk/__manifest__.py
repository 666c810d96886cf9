{
    "name": "MailDesk",
    "summary": "Outlook.com and Microsoft 365 mail inside Odoo",
    "version": "19.0.1.2.0",
    "category": "Productivity",
    "author": "The MailDesk connector authors",
    "license": "LGPL-3",
    "depends": ["mail", "base_setup"],
    "data": [
        "security/maildesk_groups.xml",
        "security/ir.model.access.csv",
        "security/maildesk_rules.xml",
        "data/ir_cron.xml",
        "views/mailbox_account_views.xml",
        "views/signin_templates.xml",
        "views/res_config_settings_views.xml",
        "views/maildesk_menus.xml",
    ],
    "assets": {
        "web.assets_backend": ["maildesk/static/src/**/*"],
        "web.assets_unit_tests": ["maildesk/static/tests/**/*"],
    },
    "application": True,
}
