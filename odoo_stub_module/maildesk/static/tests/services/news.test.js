import { EventBus } from "@odoo/owl";
import { describe, expect, test } from "@odoo/hoot";
import { advanceTime } from "@odoo/hoot-mock";
import { allowTranslations, patchWithCleanup } from "@web/../tests/web_test_helpers";
import { browser } from "@web/core/browser/browser";
import { News, newsText } from "@maildesk/services/news_service";
import { FakeMail } from "../maildesk_test_helpers";

describe.current.tags("headless");

class FakeBus extends EventBus {
    subscribe() {}
}

function setup({ notify = "toast", isMain = true, openApps = 0, permission = "granted" } = {}) {
    const mail = new FakeMail();
    const inbox = mail.folder(mail.account());
    const notices = [];
    const browsers = [];
    const said = [];
    const actions = [];
    class FakeNotification extends EventTarget {
        static permission = permission;
        constructor(title, options) {
            super();
            browsers.push({ title, body: options.body, click: () => this.dispatchEvent(new Event("click")) });
        }
        close() {}
    }
    patchWithCleanup(browser, { Notification: FakeNotification });
    allowTranslations();
    const news = new News({
        action: { doAction: (name, options) => actions.push([name, options.props]) },
        bus_service: new FakeBus(),
        "maildesk.announcer": { announce: (text) => said.push(text) },
        "maildesk.counts": { notify },
        multi_tab: { isOnMainTab: async () => isMain },
        notification: { add: (body, options) => (notices.push({ body, ...options }), () => {}) },
        orm: mail.orm,
    });
    news.openApps = openApps;
    const arrive = async (count) => {
        const ids = Array.from({ length: count }, () => mail.message(inbox, { is_read: false }).id);
        news.onChanged({ new_ids: ids });
        return ids;
    };
    return { actions, arrive, browsers, inbox, mail, news, notices, said };
}

test("whoever does not want to hear of new mail costs no request", async () => {
    const { arrive, mail, notices } = setup({ notify: "off" });
    await arrive(3);
    await advanceTime(5000);
    expect([mail.calls, notices]).toEqual([[], []]);
});

test("one mail is told by sender and subject, and opens", async () => {
    const { actions, arrive, mail, notices, said } = setup();
    const [id] = await arrive(1);
    await advanceTime(1600);
    expect([notices[0].title, notices[0].body]).toEqual(["Jane Doe", `Subject ${id}`]);
    notices[0].buttons[0].onClick();
    expect(actions).toEqual([["maildesk.action_maildesk_app", { resId: id }]]);
    expect(mail.calls).toEqual(["maildesk_news"]);
    expect(said).toEqual([]);
});

test("a burst is summed up, and leads to the app", async () => {
    const { actions, arrive, mail, notices } = setup();
    await arrive(7);
    await advanceTime(500);
    await arrive(5);
    await advanceTime(1600);
    expect(notices.length).toBe(1);
    expect([notices[0].title, notices[0].body]).toEqual(["12 new messages", "Jane Doe and others"]);
    notices[0].buttons[0].onClick();
    expect(actions).toEqual([["maildesk.action_maildesk_app", {}]]);
    expect(mail.calls).toEqual(["maildesk_news"]);
});

test("what was told is not told again, nor what is read meanwhile", async () => {
    const { arrive, mail, news, notices } = setup();
    const ids = await arrive(2);
    await advanceTime(1600);
    news.onChanged({ new_ids: ids });
    await advanceTime(1600);
    expect([notices.length, mail.calls.length]).toEqual([1, 1]);
    const [third] = await arrive(1);
    mail.find(third).is_read = true;
    await advanceTime(1600);
    expect(notices.length).toBe(1);
});

test("changes that bring nothing new tell nothing", async () => {
    const { mail, news } = setup();
    news.onChanged({ folder_ids: [1], message_ids: [1] });
    news.onChanged({ new_ids: [] });
    await advanceTime(5000);
    expect(mail.calls).toEqual([]);
});

test("the open app has news read out, wanted as a notice or not", async () => {
    const { arrive, notices, said } = setup({ notify: "off", openApps: 1 });
    const [id] = await arrive(1);
    await advanceTime(1600);
    expect(said).toEqual([`Jane Doe: Subject ${id}`]);
    expect(notices).toEqual([]);
});

test("the browser tells, from one tab, and a click opens the mail", async () => {
    const { actions, arrive, browsers, notices } = setup({ notify: "browser" });
    const [id] = await arrive(1);
    await advanceTime(1600);
    expect([browsers[0].title, browsers[0].body, notices]).toEqual(["Jane Doe", `Subject ${id}`, []]);
    browsers[0].click();
    expect(actions).toEqual([["maildesk.action_maildesk_app", { resId: id }]]);
    const other = setup({ notify: "browser", isMain: false });
    await other.arrive(1);
    await advanceTime(1600);
    expect([other.browsers, other.notices]).toEqual([[], []]);
});

test("a browser that does not let us gets a notice in Odoo", async () => {
    for (const permission of ["denied", "default"]) {
        const { arrive, browsers, notices } = setup({ notify: "browser", permission });
        await arrive(1);
        await advanceTime(1600);
        expect([browsers.length, notices.length]).toEqual([0, 1]);
    }
});

test("what a mail says of itself is text that ends", () => {
    allowTranslations();
    const row = { from_name: "boss@pier.example", from_email: "x@y.example", subject: `<b>\u202e${"s".repeat(500)}` };
    const { title, body } = newsText({ count: 1, rows: [row] });
    expect(title).toBe("x@y.example");
    expect([...body].length).toBe(121);
    expect(body.startsWith("<b> sss")).toBe(true);
    expect(newsText({ count: 200, rows: [row, row] }).title).toBe("200+ new messages");
});
