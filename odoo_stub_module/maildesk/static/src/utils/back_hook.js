import { onWillUnmount, useEffect } from "@odoo/owl";
import { browser } from "@web/core/browser/browser";
import { router, routerBus } from "@web/core/browser/router";

/**
 * On a phone Back is the button of the browser or of the device. While there is a step to take back within the app, it takes that
 * step; without one it leaves the app, as everywhere in Odoo. For this an entry stands in the browser's history, after the page's own.
 *
 * @param {() => boolean} hasStep
 * @param {() => void} takeStep
 * @param {() => void} onReturned the page's own entry is the last one again, and has the address that it had
 * @returns {{mark: () => void}} `mark`: to be called when the state of the last entry was replaced
 */
export function useBack(hasStep, takeStep, onReturned) {
    /** The address of the page's own entry, while the one after it stands. */
    let base = null;
    let isTidying = false;

    function setEntry(value) {
        base = value;
        // what the browser goes back to then is this very page: Odoo does not load it anew
        router.skipLoad = Boolean(value) || isTidying;
    }

    function add() {
        setEntry(browser.location.href);
        browser.history.pushState({ ...browser.history.state, isInMailDesk: true }, "", base);
    }

    function mark() {
        if (base) {
            browser.history.replaceState({ ...browser.history.state, isInMailDesk: true }, "", browser.location.href);
        }
    }

    // Odoo's own hears it first: it was there before
    function onPopState() {
        const from = base;
        const wasTidying = isTidying;
        if (!from && !wasTidying) {
            return;
        }
        isTidying = false;
        setEntry(null);
        if (from && from !== browser.location.href) {
            // several steps at once, to another page
            routerBus.trigger("ROUTE_CHANGE");
            return;
        }
        if (!wasTidying) {
            takeStep();
        }
        onReturned();
        if (hasStep()) {
            add();
        }
    }

    browser.addEventListener("popstate", onPopState);
    onWillUnmount(() => {
        browser.removeEventListener("popstate", onPopState);
        if (base || isTidying) {
            isTidying = false;
            setEntry(null);
        }
    });
    useEffect(
        (isAway) => {
            if (isAway && !base && !isTidying) {
                add();
            } else if (!isAway && base && browser.history.state?.isInMailDesk) {
                // somebody went back by the app's own button
                isTidying = true;
                setEntry(null);
                browser.history.back();
            }
        },
        () => [hasStep()]
    );
    return { mark };
}
