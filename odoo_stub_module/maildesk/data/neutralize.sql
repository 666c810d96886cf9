-- a copy of the database syncs nothing and holds no tokens
UPDATE mailbox_account
   SET state = CASE WHEN state IN ('draft', 'disconnected') THEN state ELSE 'paused' END,
       token_sealed = NULL;
UPDATE mailbox_folder_sync
   SET cursor = NULL,
       is_bootstrapped = false,
       anchor = NULL,
       told = 0;
DELETE FROM mailbox_connector;
DELETE FROM mailbox_hello;
DELETE FROM mailbox_refresh;
DELETE FROM mailbox_unreadable;
UPDATE mailbox_action
   SET state = 'cancelled'
 WHERE state IN ('scheduled', 'pending', 'running', 'unconfirmed');
DELETE FROM mailbox_signin;
DELETE FROM ir_config_parameter
 WHERE key IN ('maildesk.connector_url', 'maildesk.connector_secret', 'maildesk.connector_ca', 'maildesk.redirect_base');
