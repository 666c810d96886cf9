import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { maildeskActions } from "./maildesk_actions";

/**
 * The keys of MailDesk: the one place from which the handling, the help (`?`) and Odoo's command palette are fed. What moves
 * about stands here; what does something to a mail carries its keys itself (`maildesk_actions.js`) and comes along.
 *
 * Settled: `f` forwards and `v` moves, `u` marks as unread, as most mail programs have it; `Ctrl+K` (the palette), `Alt` and
 * `Ctrl+S` are not ours. Keys are as `utils/keys.js` spells them.
 *
 * @typedef {Object} KeyEntry
 * @property {string[]} keys each of which does it: "j", "Shift+J", "g i"
 * @property {string} name
 * @property {string} group heading in the help
 * @property {boolean} [isRepeatable] while the key is held down
 * @property {string[]} [listKeys] those of `keys` that are ours in the list only, since elsewhere they scroll or press
 * @property {(context: KeyContext) => boolean} [condition]
 * @property {(context: KeyContext) => boolean} [isKnown] whether it is there for this user at all: else the help has no word of it
 * @property {(context: KeyContext) => (boolean|void|Promise<any>)} run answers false where there is nothing to do
 *
 * @typedef {{app: import("../app/maildesk_app").MailDeskApp, store: import("../store/maildesk_store").MailDeskStore}} KeyContext
 */

export const maildeskKeys = registry.category("maildesk.keys");

const MOVE = _t("Move");
const SELECT = _t("Select");
const GO = _t("Go");
const DO = _t("Act");
const MORE = _t("More");

const goTo = (role) => ({ store }) => {
    const folder = store.nearestAccount?.folders.find((candidate) => candidate.role === role);
    return folder ? store.openFolder(folder.id) : false;
};

maildeskKeys
    .add("next", {
        keys: ["j", "ArrowDown"],
        listKeys: ["ArrowDown"],
        name: _t("Next message"),
        group: MOVE,
        isRepeatable: true,
        run: ({ app }) => app.walk(1),
    })
    .add("previous", {
        keys: ["k", "ArrowUp"],
        listKeys: ["ArrowUp"],
        name: _t("Previous message"),
        group: MOVE,
        isRepeatable: true,
        run: ({ app }) => app.walk(-1),
    })
    .add("first", {
        keys: ["Home"],
        listKeys: ["Home"],
        name: _t("First message"),
        group: MOVE,
        run: ({ app }) => app.walk(-Infinity),
    })
    .add("last", {
        keys: ["End"],
        listKeys: ["End"],
        name: _t("Last message that is loaded"),
        group: MOVE,
        run: ({ app }) => app.walk(Infinity),
    })
    .add("open", {
        keys: ["o", "Enter"],
        listKeys: ["Enter"],
        name: _t("Open the message"),
        group: MOVE,
        run: ({ app }) => app.openSelected(),
    })
    .add("back", {
        keys: ["Escape"],
        name: _t("Back: end the selection, close the message, leave the search"),
        group: MOVE,
        run: ({ app }) => app.goBack(),
    })
    .add("select", {
        keys: ["x"],
        name: _t("Select the message, or no more"),
        group: SELECT,
        run: ({ store }) => (store.shown?.cursor ? store.selection.toggle(store.shown.cursor) : false),
    })
    .add("extend-down", {
        keys: ["Shift+J", "Shift+ArrowDown"],
        listKeys: ["Shift+ArrowDown"],
        name: _t("Select on downwards"),
        group: SELECT,
        isRepeatable: true,
        run: ({ store }) => store.extendSelection(1),
    })
    .add("extend-up", {
        keys: ["Shift+K", "Shift+ArrowUp"],
        listKeys: ["Shift+ArrowUp"],
        name: _t("Select on upwards"),
        group: SELECT,
        isRepeatable: true,
        run: ({ store }) => store.extendSelection(-1),
    })
    .add("select-all", {
        keys: ["Ctrl+A"],
        // in a mail it takes the mail's words
        listKeys: ["Ctrl+A"],
        name: _t("Select all that is loaded"),
        group: SELECT,
        run: ({ store }) => (store.shown?.rows.length ? store.selection.selectAll() : false),
    })
    .add("go-inbox", { keys: ["g i"], name: _t("Go to Inbox"), group: GO, run: ({ store }) => store.openInbox() })
    .add("go-drafts", { keys: ["g d"], name: _t("Go to Drafts"), group: GO, run: goTo("drafts") })
    .add("go-sent", { keys: ["g t"], name: _t("Go to Sent"), group: GO, run: goTo("sent") })
    .add("go-archive", { keys: ["g a"], name: _t("Go to Archive"), group: GO, run: goTo("archive") })
    .add("go-flagged", {
        keys: ["g s"],
        name: _t("Go to flagged messages"),
        group: GO,
        run: ({ store }) => store.ask({ text: "is:flagged", where: "all" }),
    })
    .add("search", { keys: ["/"], name: _t("Search mail"), group: MORE, run: ({ app }) => app.focusSearch() })
    .add("help", { keys: ["?"], name: _t("Keys in MailDesk"), group: MORE, run: ({ app }) => app.showHelp() });

/**
 * All entries, with those actions that have keys, as they can be done now.
 *
 * @param {object} context of keys and of actions
 * @returns {(KeyEntry & {id: string, run: () => any})[]}
 */
export function keyEntries(context) {
    const own = maildeskKeys.getEntries().map(([id, entry]) => ({ group: MORE, ...entry, id }));
    const actions = maildeskActions
        .getEntries()
        .filter(([, entry]) => entry.keys)
        .map(([id, entry]) => ({ ...entry, id, group: entry.group ?? DO }));
    return [...own, ...actions].map((entry) => ({
        ...entry,
        isKnown: () => entry.isKnown?.(context()) ?? true,
        isPossible: () => entry.condition?.(context()) ?? true,
        run: () => entry.run(context()),
    }));
}
