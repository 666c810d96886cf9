import { useExternalListener } from "@odoo/owl";
import { useService } from "@web/core/utils/hooks";

const TYPING = "input, textarea, select, [contenteditable='true'], [contenteditable='']";

/**
 * Keys of the app, by the letter that they print (so on every layout). Inert while somebody types, while a dialog or a menu
 * of Odoo's is open, and with Ctrl, Alt or Cmd, which are the browser's and Odoo's.
 *
 * @param {Object.<string, (ev: KeyboardEvent) => (boolean|void)>} keys a handler that answers false leaves the key alone
 */
export function useKeys(keys) {
    const ui = useService("ui");
    useExternalListener(document, "keydown", (ev) => {
        const isOurs = !ev.defaultPrevented && !ev.ctrlKey && !ev.altKey && !ev.metaKey;
        if (!isOurs || ui.activeElement !== document || ev.target.closest?.(TYPING) || document.querySelector(".o-dropdown--menu")) {
            return;
        }
        if (keys[ev.key] && keys[ev.key](ev) !== false) {
            ev.preventDefault();
        }
    });
}
