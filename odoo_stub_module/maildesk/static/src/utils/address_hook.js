import { onMounted, useEffect } from "@odoo/owl";
import { browser } from "@web/core/browser/browser";
import { router } from "@web/core/browser/router";
import { Deferred } from "@web/core/utils/concurrency";
import { useSetupAction } from "@web/search/action_hook";

/**
 * Where a person is, in the app's address: /odoo/maildesk?folder=3&message=7, by ids and nothing else. No folder: all Inboxes, or
 * the one that there is. A reload, a link and a breadcrumb lead there again.
 *
 * @typedef {{folderId: number|null, messageId: number|null}} Place
 */

const idOf = (value) => (Number.isSafeInteger(value) && value > 0 ? value : null);

/** @returns {Place|null} what the address says, if it is this app's */
function addressed({ path, id, xml_id: xmlId, tag }) {
    const { action, folder, message } = router.current;
    return action && [path, id, xmlId, tag].includes(action) ? { folderId: idOf(folder), messageId: idOf(message) } : null;
}

/**
 * Keep the address true while the person goes about. Each place takes over from the one before in the browser's history: Back leaves
 * the app, as it leaves any other, and does not go through all that was read.
 *
 * @param {object} props of a client action
 * @param {() => Place|null} getPlace null: not known yet, and the address stays
 * @param {() => void} onWritten the history has another state now
 * @returns {{from: Place|null, mounted: Promise<void>, write: () => void}} `from`: where to begin; null: where the person was.
 *  `mounted`: before that nothing may be written
 */
export function useAddress(props, getPlace, onWritten) {
    const from = props.state?.place || addressed(props.action);
    const mounted = new Deferred();
    if (from) {
        // Odoo writes the address as the app appears: without this, one without a place
        props.updateActionState?.({ folder: from.folderId ?? undefined, message: from.messageId ?? undefined });
    }

    function write() {
        const place = getPlace();
        if (!place || !props.updateActionState) {
            return;
        }
        const query = { folder: place.folderId ?? undefined, message: place.messageId ?? undefined };
        props.updateActionState({ ...query, resId: false });
        // what Odoo is about to add to the history replaces its last entry instead
        router.replaceState({ ...query, resId: undefined }, { sync: true });
        onWritten();
    }

    // The action is mounted right after its component is, and a task later Odoo adds its address to the history: that one is not to
    // take the place of the page before.
    onMounted(() => Promise.resolve().then(() => browser.setTimeout(() => mounted.resolve())));
    // for a breadcrumb that leads back here
    useSetupAction({ getLocalState: () => ({ place: getPlace() }) });
    useEffect(write, () => {
        const place = getPlace();
        return [Boolean(place), place?.folderId, place?.messageId];
    });
    return { from, mounted, write };
}
