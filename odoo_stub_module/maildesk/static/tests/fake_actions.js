/**
 * What a person does with mail, as the addon carries it out (docs/protocol.md, section 4: `mailbox.action`): at once, on the messages and
 * folders of `FakeMail`, and taken back from what it noted.
 */
export class FakeActions {
    /** What was done, for `maildesk_undo` and `maildesk_actions`: by group, and with what it is told as. */
    deeds = [];
    actions = [];
    /** Set by a test: what `maildesk_do` leaves alone, by id. */
    skipped = [];
    /** Set by a test: what `maildesk_undo` says of what cannot be taken back. */
    refused = null;

    /** As the addon does it: rows change at once, a message that is destroyed is not told of any more. */
    maildesk_do({ kind, message_ids: ids, values = {} }) {
        const undo = `group-${this.deeds.length + 1}`;
        const uuid = (n) => `${undo}-${n}`;
        const before = [];
        if (kind.includes("folder")) {
            const folder = this.folders.find(({ id }) => id === values.folder_id);
            const inIt = this.messages.filter((message) => message.folder_id === folder?.id);
            before.push(...inIt.map((message) => ({ ...message })));
            this.deeds.push({ undo, kind, ids, values, before, folder: { ...folder } });
            this.changeFolder(kind, values);
            return { uuids: [uuid(0)], undo, rows: [], skipped: [] };
        }
        const skipped = this.skipped.filter(({ id }) => ids.includes(id));
        const found = this.messages.filter((message) => ids.includes(message.id) && !skipped.some(({ id }) => id === message.id));
        for (const message of found) {
            before.push({ ...message });
            this.change(message, kind, values);
        }
        this.deeds.push({ undo, kind, ids, values, before });
        const rows = this.messages.filter((message) => ids.includes(message.id));
        return { uuids: found.map(({ id }) => uuid(id)), undo, rows, skipped };
    }

    change(message, kind, values) {
        const roles = { archive: "archive", delete: "trash", junk: "junk", not_junk: "inbox" };
        const goTo = (role) => this.folders.find((folder) => folder.role === role && this.accountOf(folder) === message.account_id).id;
        if (kind === "destroy") {
            this.drop(message);
        } else if (kind in roles) {
            message.folder_id = goTo(roles[kind]);
        } else {
            const changes = {
                read: { is_read: true },
                unread: { is_read: false },
                flag: { is_flagged: true },
                unflag: { is_flagged: false },
                move: { folder_id: values.folder_id },
                importance: { importance: values.importance },
                categories: { categories: values.categories },
            };
            Object.assign(message, changes[kind]);
        }
    }

    accountOf(folder) {
        return this.accounts.find((account) => account.folders.includes(folder))?.id;
    }

    changeFolder(kind, values) {
        const folder = this.folders.find(({ id }) => id === values.folder_id);
        const account = this.accounts.find(({ id, folders }) => id === values.account_id || folders.includes(folder));
        const inIt = this.messages.filter((message) => message.folder_id === folder?.id);
        switch (kind) {
            case "mark_folder_read":
                inIt.forEach((message) => (message.is_read = true));
                folder.unread_count = 0;
                break;
            case "empty_folder":
                inIt.forEach((message) => this.drop(message));
                break;
            case "folder_rename":
                folder.name = values.name;
                break;
            case "folder_move":
                folder.parent_id = values.parent_id;
                break;
            case "folder_delete": {
                const trash = account.folders.find(({ role }) => role === "trash");
                const isInTrash = folder.parent_id === trash?.id;
                folder.parent_id = trash?.id;
                account.folders = account.folders.filter((other) => !isInTrash || other !== folder);
            }
        }
    }

    maildesk_undo({ group }) {
        const { before, folder } = this.deeds.find(({ undo }) => undo === group);
        before.forEach((message) => Object.assign(this.find(message.id), message));
        if (folder) {
            Object.assign(this.folders.find(({ id }) => id === folder.id), folder);
            return { undone: 1, uuids: [], rows: [], refused: this.refused };
        }
        return { undone: before.length, uuids: [], rows: this.messages.filter(({ id }) => before.some((message) => message.id === id)), refused: null };
    }

    maildesk_actions() {
        return { actions: this.actions };
    }

    /** An action as `maildesk_actions` tells of it. */
    action(values) {
        const uuid = `action-${this.actions.length + 1}`;
        const action = { uuid, account_id: 1, kind: "archive", state: "pending", message_id: null, folder_id: null, name: null, group: null, waiting_for: null, error: null, ...values };
        this.actions.push(action);
        return action;
    }

    maildesk_retry({ uuids }) {
        return { ...this.maildesk_dismiss({ uuids }), uuids: uuids.map((uuid) => `${uuid}-again`) };
    }

    maildesk_dismiss({ uuids }) {
        const ids = this.actions.filter(({ uuid }) => uuids.includes(uuid)).map((action) => action.message_id);
        this.actions = this.actions.filter(({ uuid }) => !uuids.includes(uuid));
        const rows = this.messages.filter(({ id }) => ids.includes(id));
        rows.forEach((row) => (row.failed = null));
        return { rows };
    }
}
