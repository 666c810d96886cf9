import { onMounted, onWillUnmount, useEffect, useState } from "@odoo/owl";
import { useService } from "@web/core/utils/hooks";

/** What the open app does beyond its own frame: the number in the tab's title, news read out, contacts asked for afresh, its menu in the bar. */
export function useMailDeskPresence() {
    const counts = useState(useService("maildesk.counts"));
    const news = useService("maildesk.news");
    const title = useService("title");
    const menu = useService("menu");
    useService("maildesk.contacts").expire();
    // counted: the app that opens at another mail is there before the one that it replaces is gone
    onMounted(() => {
        news.openApps++;
        // whoever comes from elsewhere, by a notice or from a contact, has the app's own menu
        const app = menu.getApps().find(({ xmlid }) => xmlid === "maildesk.menu_maildesk");
        if (app && menu.getCurrentApp()?.id !== app.id) {
            menu.setCurrentMenu(app);
        }
    });
    onWillUnmount(() => news.openApps--);
    useEffect(
        (unread) => {
            title.setCounters({ maildesk: unread });
            return () => title.setCounters({ maildesk: 0 });
        },
        () => [counts.unread]
    );
}
