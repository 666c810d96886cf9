import { onWillUnmount, useEffect } from "@odoo/owl";
import { browser } from "@web/core/browser/browser";
import { router, routerBus } from "@web/core/browser/router";

/**
 * On a phone Back is the button of the browser or of the device. While there is a step to take back within the app, it takes that
 * step; without one it leaves the app, as everywhere in Odoo. For this an entry stands in the browser's history, after the page's own.
 *
 * @param {() => boolean} hasStep
 * @param {() => void} takeStep
 */
export function useBack(hasStep, takeStep) {
    /** Where the app is, while the entry stands. */
    let address = null;
    let isTidying = false;

    function setEntry(value) {
        address = value;
        // what the browser goes back to then is this very page: Odoo does not load it anew
        router.skipLoad = Boolean(value) || isTidying;
    }

    function add() {
        setEntry(browser.location.href);
        browser.history.pushState({ ...browser.history.state, isInMailDesk: true }, "", address);
    }

    // Odoo's own hears it first: it was there before
    function onPopState() {
        const from = address;
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
        if (hasStep()) {
            add();
        }
    }

    browser.addEventListener("popstate", onPopState);
    onWillUnmount(() => {
        browser.removeEventListener("popstate", onPopState);
        if (address || isTidying) {
            isTidying = false;
            setEntry(null);
        }
    });
    useEffect(
        (isAway) => {
            if (isAway && !address && !isTidying) {
                add();
            } else if (!isAway && address && browser.history.state?.isInMailDesk) {
                // somebody went back by the app's own button
                isTidying = true;
                setEntry(null);
                browser.history.back();
            }
        },
        () => [hasStep()]
    );
}
