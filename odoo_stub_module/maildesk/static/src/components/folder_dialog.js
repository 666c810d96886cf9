import { Component, useRef, useState } from "@odoo/owl";
import { Dialog } from "@web/core/dialog/dialog";
import { useAutofocus } from "@web/core/utils/hooks";
import { normalize } from "@web/core/l10n/utils";
import { folderIcon, folderLines } from "../utils/folders";

/** Choose a folder of a mailbox: type a part of its name, arrows, Enter. */
export class FolderDialog extends Component {
    static components = { Dialog };
    static props = {
        title: String,
        folders: Array,
        /** The name of the mailbox, where its top is a place, too: chosen as null. */
        top: { type: String, optional: true },
        isOffered: Function,
        onChosen: Function,
        close: Function,
    };
    static template = "maildesk.FolderDialog";

    setup() {
        this.state = useState({ text: "", at: 0 });
        this.folderIcon = folderIcon;
        this.list = useRef("list");
        useAutofocus({ refName: "input" });
    }

    /** All places in the order of the tree; while somebody types those whose path has all the words. */
    get choices() {
        const { folders, top, isOffered } = this.props;
        const byId = new Map(folders.map((folder) => [folder.id, folder]));
        const words = normalize(this.state.text).split(/\s+/).filter(Boolean);
        const places = folderLines(folders, new Set()).map(({ folder, depth }) => {
            const above = byId.get(folder.parent_id);
            const path = pathOf(folder, byId);
            return { folder, path, key: folder.id, name: folder.name, depth: words.length ? 0 : depth, hint: words.length && above ? path : "" };
        });
        if (top) {
            places.unshift({ folder: null, path: top, key: "top", name: top, depth: 0, hint: "" });
        }
        return places
            .filter(({ path }) => words.every((word) => normalize(path).includes(word)))
            .map((place) => ({ ...place, isOffered: isOffered(place.folder) }))
            .filter((place) => place.isOffered || !words.length);
    }

    /** Where the person is, among those that can be chosen. */
    get current() {
        const offered = this.choices.filter((place) => place.isOffered);
        return offered[Math.max(0, Math.min(this.state.at, offered.length - 1))];
    }

    onInput(ev) {
        Object.assign(this.state, { text: ev.target.value, at: 0 });
    }

    async onKeydown(ev) {
        const offered = this.choices.filter((place) => place.isOffered);
        const step = { ArrowDown: 1, ArrowUp: -1 }[ev.key];
        if (step && offered.length) {
            ev.preventDefault();
            this.state.at = (this.state.at + step + offered.length) % offered.length;
            await new Promise(requestAnimationFrame);
            this.list.el?.querySelector("[aria-selected='true']")?.scrollIntoView({ block: "nearest" });
        } else if (ev.key === "Enter" && this.current) {
            ev.preventDefault();
            this.choose(this.current);
        }
    }

    choose(place) {
        if (place.isOffered) {
            this.props.close();
            this.props.onChosen(place.folder);
        }
    }
}

function pathOf(folder, byId) {
    const names = [];
    for (let at = folder; at; at = byId.get(at.parent_id)) {
        names.unshift(at.name);
    }
    return names.join(" / ");
}
