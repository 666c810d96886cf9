import { reactive } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { browser } from "@web/core/browser/browser";

// Times that a file is asked for again which is not to be had at once: "on its way", or "others are downloading". Two minutes or so.
const TRIES = 40;
const PAUSE = 2; // seconds, where the server names none
const PAUSE_LIMIT = 30;

/**
 * Files are fetched by the browser itself, by their URLs. Before that the server is asked (HEAD) whether the file is there to be
 * fetched: not while it still comes from Outlook, and not while too many large ones pass through Odoo. It says when to ask again.
 */
export class AttachmentFetch {
    /** What a person is told, if there is anything to tell. */
    notice = "";
    isFailed = false;
    /** The one that is waited for. */
    waiting = null;

    constructor() {
        this.turn = 0;
        return reactive(this);
    }

    isWaiting(key) {
        return this.waiting === key;
    }

    /** Wait no longer. */
    stop() {
        this.turn++;
        Object.assign(this, { waiting: null, notice: "", isFailed: false });
    }

    fail(notice = _t("Outlook does not answer at the moment. Please try again.")) {
        Object.assign(this, { waiting: null, notice, isFailed: true });
    }

    /**
     * Wait until a file may be fetched.
     *
     * @param {string} key which file this is
     * @returns {Promise<boolean>} false if it cannot be had (`notice` says why), or nobody waits any more
     */
    async ready(key, url) {
        const turn = ++this.turn;
        Object.assign(this, { waiting: key, notice: "", isFailed: false });
        for (let left = TRIES; left; left--) {
            const answer = await browser.fetch(url, { method: "HEAD", credentials: "same-origin" }).catch(() => null);
            if (turn !== this.turn) {
                return false;
            }
            if (answer?.ok) {
                Object.assign(this, { waiting: null, notice: "" });
                return true;
            }
            const again = answer?.status === 503 ? answer.headers.get("Retry-After") : null;
            if (again === null) {
                this.fail(reason(answer));
                return false;
            }
            this.notice = _t("Busy at the moment; trying again…");
            const seconds = Math.min(Math.max(Number(again) || PAUSE, 1), PAUSE_LIMIT);
            await new Promise((resolve) => browser.setTimeout(resolve, seconds * 1000));
            if (turn !== this.turn) {
                return false;
            }
        }
        this.fail();
        return false;
    }

    /** Let the browser save a file, as soon as it may. */
    async download(key, url) {
        if (await this.ready(key, url)) {
            const link = document.createElement("a");
            link.href = url;
            link.download = "";
            document.body.append(link);
            link.click();
            link.remove();
        }
    }
}

function reason(answer) {
    switch (answer?.status) {
        case undefined:
            return _t("Odoo does not answer. Please try again when you are connected.");
        case 404:
            return _t("This attachment does not exist in Outlook any more, or the mailbox is not yours to read.");
        case 507:
            return _t("There is no space for attachments at the moment; an administrator has to look into it.");
        default:
            return _t("Outlook does not answer at the moment. Please try again.");
    }
}
