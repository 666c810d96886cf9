/**
 * What a list shows, told to the server and told of a message that comes by the bus.
 *
 * @typedef {import("./message_list").Row} Row
 * @typedef {import("./message_list").Scope} Scope
 */

/** The filters as the server has them, as far as a row tells. `me`: the addresses of the user's own mailboxes. */
const FILTERS = {
    unread: (row) => !row.is_read || row.thread?.unread > 0,
    flagged: (row) => row.is_flagged || Boolean(row.thread?.is_flagged),
    attachments: (row) => row.has_attachments || Boolean(row.thread?.has_attachments),
    from_me: (row, me) => isOneOf(row.from_email, me),
    to_me: (row, me) => row.to_recipients.some(({ address }) => isOneOf(address, me)),
};

const isOneOf = (address, addresses) => addresses.includes((address || "").toLowerCase());

/**
 * @param {import("./maildesk_store").MailDeskStore} store whose folder, or whose Inboxes, are open
 * @returns {Scope}
 */
export function scopeOf(store) {
    const { folderId, filters } = store;
    const me = () => store.accounts.filter((account) => account.is_owner).map(({ email }) => email.toLowerCase());
    const matches = (row) => filters.every((name) => FILTERS[name](row, me()));
    if (store.isUnified) {
        const covers = (row) => store.inboxes.some((folder) => folder.id === row.folder_id);
        return { kwargs: { role: "inbox" }, covers, matches };
    }
    return { kwargs: { folder_id: folderId }, covers: (row) => row.folder_id === folderId, matches };
}

/**
 * What a search looks through.
 *
 * @param {import("./maildesk_store").MailDeskStore} store
 * @param {import("./search").Where} where
 */
export function placeOf(store, where) {
    if (where === "folder") {
        return store.isUnified
            ? { account_id: null, folder_id: null, also: "in:inbox" }
            : { account_id: store.account?.id ?? null, folder_id: store.folderId };
    }
    return { account_id: where === "account" ? store.nearestAccount?.id ?? null : null, folder_id: null };
}

/** How a row's message is asked for: one that only Microsoft has is opened by Microsoft's name for it. */
export function addressed(row, method, kwargs) {
    if (row.is_remote && method === "maildesk_open") {
        return ["maildesk_open_remote", { account_id: row.account_id, remote_id: row.remote_id }];
    }
    return [method, kwargs];
}
