import { onMounted, onWillUnmount, useEffect, useState } from "@odoo/owl";
import { useService } from "@web/core/utils/hooks";

/** What the open app does beyond its own frame: the number in the tab's title, news read out, contacts asked for afresh. */
export function useMailDeskPresence() {
    const counts = useState(useService("maildesk.counts"));
    const news = useService("maildesk.news");
    const title = useService("title");
    useService("maildesk.contacts").expire();
    // counted: the app that opens at another mail is there before the one that it replaces is gone
    onMounted(() => news.openApps++);
    onWillUnmount(() => news.openApps--);
    useEffect(
        (unread) => {
            title.setCounters({ maildesk: unread });
            return () => title.setCounters({ maildesk: 0 });
        },
        () => [counts.unread]
    );
}
