-- a copy of the database syncs nothing, holds no secrets, and nobody's key opens the connector's doors to it
UPDATE mailbox_account
   SET state = CASE WHEN state IN ('draft', 'disconnected') THEN state ELSE 'paused' END,
       pause_reason = CASE WHEN state IN ('draft', 'disconnected') THEN pause_reason ELSE 'copy' END,
       state_message = CASE WHEN state IN ('draft', 'disconnected') THEN state_message ELSE 'Paused: this is a copy of the database' END,
       token_sealed = NULL;
UPDATE mailbox_folder_sync
   SET cursor = NULL,
       is_bootstrapped = false,
       anchor = NULL,
       told = 0,
       backfill_before = NULL,
       is_backfilled = false,
       revision = revision + 1;
UPDATE mailbox_action
   SET state = CASE WHEN state IN ('scheduled', 'pending', 'running', 'unconfirmed') THEN 'cancelled' ELSE state END,
       covers = false
 WHERE state IN ('scheduled', 'pending', 'running', 'unconfirmed')
    OR covers;
-- what Graph said shows where an action covered it
UPDATE mailbox_message_index
   SET is_read = COALESCE(said_is_read, is_read),
       said_is_read = NULL,
       is_flagged = COALESCE(said_is_flagged, is_flagged),
       said_is_flagged = NULL,
       importance = COALESCE(said_importance, importance),
       said_importance = NULL,
       categories = COALESCE(said_categories, categories),
       said_categories = NULL,
       folder_id = COALESCE(said_folder_id, folder_id),
       said_folder_id = NULL,
       pending_removal = COALESCE(said_pending_removal, pending_removal),
       said_pending_removal = NULL
 WHERE said_is_read IS NOT NULL
    OR said_is_flagged IS NOT NULL
    OR said_importance IS NOT NULL
    OR said_categories IS NOT NULL
    OR said_folder_id IS NOT NULL
    OR said_pending_removal IS NOT NULL;
UPDATE mailbox_draft
   SET state = 'editing',
       send_at = NULL,
       remote_id = NULL,
       change_key = NULL
 WHERE state IN ('scheduled', 'sending', 'unconfirmed');
DELETE FROM mailbox_message_index
 WHERE is_local
   AND remote_id IS NULL;
UPDATE mailbox_message_index
   SET is_local = false
 WHERE is_local;
DELETE FROM mailbox_connector;
DELETE FROM mailbox_hello;
DELETE FROM mailbox_refresh;
DELETE FROM mailbox_unreadable;
DELETE FROM mailbox_signin;
DELETE FROM ir_config_parameter
 WHERE key LIKE 'maildesk.%';
-- keys of whoever is in the connector's group, by a group that implies it too
WITH RECURSIVE connector_groups (id) AS (
       SELECT res_id
         FROM ir_model_data
        WHERE module = 'maildesk'
          AND name = 'group_connector'
        UNION
       SELECT implied.gid
         FROM res_groups_implied_rel implied
         JOIN connector_groups ON connector_groups.id = implied.hid
)
DELETE FROM res_users_apikeys
 WHERE user_id IN (
       SELECT members.uid
         FROM res_groups_users_rel members
         JOIN connector_groups ON connector_groups.id = members.gid
);
