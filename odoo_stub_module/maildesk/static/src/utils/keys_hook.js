import { onMounted, onWillUnmount, useExternalListener } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { comboOf, KeyReader } from "./keys";

const TYPING = "input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable='true'], [contenteditable='']";

const commandProviders = registry.category("command_provider");

/**
 * Keys of the app while it stands on screen. Inert while somebody types, while a dialog or a menu of Odoo's is open, and with
 * Alt, which is Odoo's. What is not spelled in the registry is left alone: Ctrl+K stays Odoo's palette, Ctrl+S the browser's.
 *
 * @param {() => import("../actions/maildesk_keys").KeyEntry[]} entries
 * @param {(entry: object, ev: KeyboardEvent) => (boolean|void)} run answers false where the key is to be left alone
 */
export function useKeys(entries, run) {
    const ui = useService("ui");
    const reader = new KeyReader(entries);
    useExternalListener(document, "keydown", (ev) => {
        const isOurs =
            !ev.defaultPrevented &&
            ui.activeElement === document &&
            !ev.target.closest?.(TYPING) &&
            !document.querySelector(".o-dropdown--menu");
        const combo = isOurs && comboOf(ev);
        if (!combo) {
            return;
        }
        const { found, isPrefix } = reader.read(combo, Date.now());
        if (isPrefix) {
            ev.preventDefault();
            return;
        }
        for (const entry of found) {
            if (ev.repeat && !entry.isRepeatable) {
                ev.preventDefault();
                return;
            }
            if (run(entry, ev) !== false) {
                ev.preventDefault();
                return;
            }
        }
    });
}

/**
 * The same entries in Odoo's command palette, while the app stands on screen.
 *
 * @param {() => object[]} provide commands
 */
export function usePalette(provide) {
    onMounted(() => commandProviders.add("maildesk", { provide }, { force: true }));
    onWillUnmount(() => commandProviders.remove("maildesk"));
}
