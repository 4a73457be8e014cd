/** Draws the comments of one page: after its script tag, or where a `<trecento-comments>` stands. */
(() => {
  const script = document.currentScript;
  const LIMIT = 300;

  const TEXTS = {
    en: {
      heading: "Comments",
      name: "Name (optional)",
      body: "Your comment",
      left: "characters left",
      send: "Post comment",
      sending: "Sending …",
      retrying: "No connection. Trying again …",
      failed: "This could not be sent. Your text is kept; try again in a moment.",
      published: "Your comment is published.",
      held: "Thank you. A moderator reads your comment before it appears.",
      waiting: "waits for a moderator",
      empty: "Write something first.",
      over: "This is too long.",
      none: "No comments yet. Write the first.",
      loading: "Loading comments …",
      unloaded: "The comments could not be loaded.",
      again: "Try again",
      more: "Show more comments",
      reply: "Reply",
      to: "Reply to",
      cancel: "Cancel",
      reader: "A reader",
      now: "just now",
    },
    de: {
      heading: "Kommentare",
      name: "Name (freiwillig)",
      body: "Ihr Kommentar",
      left: "Zeichen übrig",
      send: "Kommentar senden",
      sending: "Wird gesendet …",
      retrying: "Keine Verbindung. Neuer Versuch …",
      failed: "Das ließ sich nicht senden. Ihr Text bleibt hier; versuchen Sie es gleich noch einmal.",
      published: "Ihr Kommentar ist veröffentlicht.",
      held: "Danke. Die Redaktion liest Ihren Kommentar, bevor er erscheint.",
      waiting: "wartet auf die Redaktion",
      empty: "Schreiben Sie zuerst etwas.",
      over: "Das ist zu lang.",
      none: "Noch keine Kommentare. Schreiben Sie den ersten.",
      loading: "Kommentare werden geladen …",
      unloaded: "Die Kommentare ließen sich nicht laden.",
      again: "Noch einmal",
      more: "Mehr Kommentare",
      reply: "Antworten",
      to: "Antwort an",
      cancel: "Abbrechen",
      reader: "Jemand",
      now: "gerade eben",
    },
  };

  const STYLE = new CSSStyleSheet();
  STYLE.replaceSync(`
:host { display: block; line-height: 1.5;
  --accent: var(--trecento-accent, light-dark(#0b57a4, #8ab8f5));
  --error: var(--trecento-error, light-dark(#b3261e, #ff9a90));
  --muted: color-mix(in srgb, currentColor 68%, transparent);
  --line: color-mix(in srgb, currentColor 24%, transparent) }
[hidden], :empty:not(textarea, input) { display: none }
* { box-sizing: border-box }
h2 { margin: 0 0 .8em }
ol { list-style: none; margin: 0; padding: 0 }
ol ol { margin: .5em 0 0; padding-left: 1.2em; border-left: 2px solid var(--line) }
ol ol ol { padding: 0; border: 0 }
form { display: grid; gap: .4em; margin: 0 0 1.6em }
label, small, time, h2 span { color: var(--muted); font-size: .85em }
input, textarea, button { font: inherit; font-size: max(16px, 1em); color: inherit; background: none; border: 1px solid var(--line); border-radius: var(--trecento-radius, 6px); padding: .5em .7em }
textarea { min-height: 6em; resize: vertical; field-sizing: content }
:focus-visible { outline: 2px solid var(--accent) }
button { cursor: pointer }
[part=send] { background: var(--accent); color: var(--trecento-on-accent, light-dark(#fff, #111)) }
[aria-disabled=true] { opacity: .5 }
form div { display: flex; align-items: center; gap: 1em; justify-content: space-between }
[part=link] { border: 0; padding: .2em 0; color: var(--accent); font-size: .85em }
li { margin: 0 0 1.2em }
header { display: flex; gap: .7em; align-items: baseline }
li p { margin: .15em 0; white-space: pre-line; overflow-wrap: anywhere }
.held p { border-left: 3px dotted; padding-left: .8em; color: var(--muted) }
form [role=status] { display: block; font-weight: 600 }
.error { color: var(--error) }`);

  const NEWLINE = /\r\n|[\r\u0085\u2028\u2029]/g;
  const REMOVED =
    /(\u{1f3f4}[\u{e0020}-\u{e007f}]+)|[\0-\x09\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff9-\ufffb\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e007f}]/gu;
  const JOINER_RUN = /([\u200c\u200d])[\u200c\u200d]+/g;
  const IDLE_JOINER = /(?<!\S)[\u200c\u200d]|[\u200c\u200d](?!\S)|(?<=[!-~])[\u200c\u200d](?=[!-~])/g;
  const VISIBLE = /[^\s\u180b-\u180f\u200c\u200d\u2800\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/u;

  /** The same steps as `canonical` of service/moderation/text.py. */
  const canonical = (text) => {
    text = text.replace(NEWLINE, "\n").replace(/\t/g, " ").replace(REMOVED, "$1").normalize("NFC");
    text = text.replace(JOINER_RUN, "$1").replace(IDLE_JOINER, "");
    text = text
      .split("\n")
      .map((line) => line.trimEnd())
      .join("\n")
      .replace(/\n{3,}/g, "\n\n")
      .trim();
    return VISIBLE.test(text) ? text : "";
  };

  const ADDRESS =
    /^([a-z][a-z0-9+.-]*):\/\/(?:[^/?#]*@)?(\[[^/?#@\]]*\]|[^/?#@:[\]]+)(?::([0-9]*))?(\/[^?#]*)?(?:\?([^#]*))?(?:#|$)/i;
  const TRACKING =
    /^(utm_[^=]*|at_campaign|at_medium|gad_source|([dgy]|fb|tt|tw)clid|msclkid|[gw]braid|igshid|mc_[ce]id|_g[al])(=|$)/i;
  const lower = (text) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

  /** The same steps as `canonical_page` of service/pages.py, which also refuses some keys. */
  const canonicalPage = (key) => {
    key = key.replace(/^[ \t\n\f\r]+|[ \t\n\f\r]+$/g, "");
    const [all, scheme, host, port, path = "/", query = ""] = ADDRESS.exec(key) || [];
    if (!all) return key;
    const kept = query
      .split("&")
      .filter((part) => part && !TRACKING.test(part))
      .join("&");
    const named = port && port !== { http: "80", https: "443" }[lower(scheme)] ? `:${port}` : "";
    return `${lower(scheme)}://${lower(host)}${named}${path}${kept && `?${kept}`}`;
  };

  const make = (tag, properties, ...children) => {
    const node = Object.assign(document.createElement(tag), properties);
    node.append(...children);
    return node;
  };
  const button = (part, text, onclick) => make("button", { type: "button", part, onclick }, text);
  const kept = (key, value) => {
    try {
      if (value) localStorage.setItem(key, value);
      if (value === "") localStorage.removeItem(key);
      return localStorage.getItem(key) || "";
    } catch {
      return ""; // the browser keeps nothing for this page
    }
  };
  const ago = (date, language, now) => {
    let age = (date - Date.now()) / 60000;
    if (age > -1) return now;
    for (const [unit, size] of [
      ["minute", 60],
      ["hour", 24],
      ["day", 7],
    ]) {
      if (age > -size) return new Intl.RelativeTimeFormat(language).format(Math.ceil(age), unit);
      age /= size;
    }
    return date.toLocaleDateString(language, { dateStyle: "medium" });
  };

  const draw = (host, root, signal) => {
    const { site, page = document.querySelector("link[rel=canonical]")?.href || location.href } = host.dataset;
    const address = new URL("v1/comments", script.src);
    const place = `trecento ${address} ${site} ${page}`;
    const title = canonical(document.title.slice(0, 200));
    let language = (host.dataset.lang || host.closest("[lang]")?.lang || "en").replace("_", "-");
    try {
      new Intl.Locale(language);
    } catch {
      language = "en";
    }
    const t = (key) => host.getAttribute(`data-text-${key}`) ?? (TEXTS[language.slice(0, 2)] || TEXTS.en)[key];
    const items = new Map();
    let draft = {};
    let count;
    let next;
    try {
      draft = JSON.parse(kept(place));
    } catch {} // nothing kept

    const number = make("span", { part: "count" });
    const name = make("input", { id: "name", autocomplete: "nickname", maxLength: 60, value: kept("trecento name") });
    const text = make("textarea", { id: "body", value: draft.body || "" });
    const left = make("span", { part: "left" });
    const status = make("div", { role: "status" });
    const send = make("button", { part: "send" }, t("send"));
    const target = make("small");
    const cancel = button("link", t("cancel"), () => aim());
    const reply = make("div", {}, target, cancel);
    const counter = make("small", { id: "left" }, left, ` ${t("left")}`);
    const form = make(
      "form",
      { part: "form" },
      reply,
      make("label", { htmlFor: "body" }, t("body")),
      text,
      make("label", { htmlFor: "name" }, t("name")),
      name,
      make("div", {}, counter, send),
      status,
    );
    const list = make("ol", { part: "list" });
    const state = make("p", { role: "status" });
    const more = button("more", t("more"), () => load());
    text.setAttribute("aria-describedby", "left");
    root.replaceChildren(make("h2", {}, `${t("heading")} `, number), form, list, state, more);

    const say = (words, failed, reasons = []) => {
      const letters = [...canonical(text.value)];
      const lines = reasons.map(({ message, spans = [] }) =>
        make("li", {}, message, ...spans.map(([start, end]) => ` “${letters.slice(start, end).join("")}”`)),
      );
      status.className = failed ? "error" : "";
      status.replaceChildren(words, make("ul", {}, ...lines));
    };
    const tell = (kind, comment) => {
      const is = (key) => canonicalPage(key) === canonicalPage(page);
      host.dispatchEvent(new CustomEvent(`trecento:${kind}`, { bubbles: true, detail: { page, count, comment, is } }));
    };
    const recount = (value) => {
      count = value;
      number.textContent = count.toLocaleString(language);
      state.textContent = items.size ? "" : t("none");
    };
    const measure = () => {
      left.textContent = LIMIT - [...canonical(text.value)].length;
      const over = left.textContent < 0;
      if (over !== (text.ariaInvalid === "true")) say(over ? t("over") : "", over);
      text.ariaInvalid = over;
      counter.className = over ? "error" : "";
      return over;
    };
    const keep = () => {
      draft.body = text.value;
      kept(place, text.value || draft.parent ? JSON.stringify(draft) : "");
      kept("trecento name", name.value);
    };
    const aim = (parent, to) => {
      Object.assign(draft, { parent, to });
      target.textContent = `${t("to")} ${to}`;
      reply.hidden = !parent;
      const item = items.get(parent);
      if (item) item.lastChild.before(form);
      else list.before(form);
      keep();
    };

    const add = (comment, own) => {
      const { id, parent, body, submitted_at, status } = comment;
      if (items.has(id)) return;
      const author = comment.author?.name || t("reader");
      const date = new Date(submitted_at);
      const held = status === "held";
      const answer = button("link", t("reply"), () => {
        aim(id, author);
        text.focus();
      });
      answer.hidden = held;
      const replies = make("ol");
      const time = make("time", { dateTime: submitted_at, title: date.toLocaleString(language) });
      time.append(held ? t("waiting") : ago(date, language, t("now")));
      const item = make(
        "li",
        { part: "comment", tabIndex: -1, className: held ? "held" : "" },
        make("header", {}, make("b", { dir: "auto" }, author), time),
        make("p", { dir: "auto" }, body),
        answer,
        replies,
      );
      item.parent = parent;
      const thread = items.get(parent)?.lastChild;
      // threads newest first, their replies as written
      (thread || list)[!thread === !own ? "append" : "prepend"](item);
      items.set(id, item);
      for (const orphan of [...list.children].reverse()) if (orphan.parent === id) replies.append(orphan);
      return item;
    };

    const load = async () => {
      state.textContent = t("loading");
      more.hidden = true;
      try {
        const query = new URLSearchParams({ page, ...(site && { site }), ...(next && { after: next }) });
        const answer = await fetch(`${address}?${query}`, { credentials: "omit", signal });
        const thread = await answer.json();
        const added = thread.comments.map((comment) => add(comment));
        recount(thread.count);
        if (next) added.find(Boolean)?.focus();
        else tell("ready");
        next = thread.next;
        more.textContent = t("more");
        more.hidden = !next;
      } catch {
        state.textContent = t("unloaded");
        more.textContent = t("again");
        more.hidden = false;
      }
    };

    /** Sends thrice at most; the key has it stored once. */
    const deliver = async () => {
      for (let attempt = 1; ; attempt++) {
        let wait = attempt;
        try {
          const answer = await fetch(address, {
            method: "POST",
            credentials: "omit",
            headers: { "Content-Type": "application/json", "Accept-Language": language, "Idempotency-Key": draft.key },
            body: draft.request,
            signal: AbortSignal.any([signal, AbortSignal.timeout(20000)]),
          });
          if (answer.status < 500) return [answer.ok, await answer.json()];
          wait = Math.min(+answer.headers.get("Retry-After") || attempt, 9);
        } catch {} // nobody knows whether it arrived
        if (attempt > 2 || signal.aborted) return [];
        say(t("retrying"));
        await new Promise((resolve) => setTimeout(resolve, wait * 1000));
      }
    };

    form.onsubmit = async (event) => {
      event.preventDefault();
      if (text.readOnly) return;
      text.focus();
      const body = canonical(text.value);
      if (!body || measure()) return say(t(body ? "over" : "empty"), true);
      const author = canonical(name.value) ? { name: canonical(name.value) } : undefined;
      const request = JSON.stringify({ site, page, title, author, body, parent: draft.parent });
      if (draft.request !== request) {
        draft.request = request;
        draft.key = [...crypto.getRandomValues(new Uint32Array(4))].join("-"); // randomUUID needs https
      }
      keep();
      text.readOnly = send.ariaDisabled = true;
      say(t("sending"));
      const [ok, answer] = await deliver();
      if (signal.aborted) return;
      text.readOnly = send.ariaDisabled = false;
      if (!answer) return say(t("failed"), true);
      draft.request = "";
      keep();
      if (!ok) return say(t(answer.type?.slice(10)) ?? answer.detail ?? t("failed"), true, answer.reasons);
      say(t(answer.status === "held" ? "held" : "published"), false, answer.reasons);
      text.value = "";
      measure();
      aim();
      add(answer, true)?.focus();
      recount(answer.count);
      tell("comment", answer);
    };
    form.onkeydown = ({ key, ctrlKey, metaKey }) => {
      if (key === "Enter" && (ctrlKey || metaKey)) form.requestSubmit();
      if (key === "Escape") aim();
    };
    form.oninput = () => {
      measure();
      keep();
    };

    aim(draft.parent, draft.to);
    measure();
    load();
  };

  class TrecentoComments extends HTMLElement {
    static observedAttributes = ["data-page", "data-site"];
    static canonical = canonical;
    static canonicalPage = canonicalPage;
    #root = this.attachShadow({ mode: "open" });
    #life;

    connectedCallback() {
      this.#life?.abort();
      this.#life = new AbortController();
      this.#root.adoptedStyleSheets = [STYLE];
      draw(this, this.#root, this.#life.signal);
    }
    disconnectedCallback() {
      this.#life.abort();
    }
    attributeChangedCallback() {
      if (this.#life && this.isConnected) this.connectedCallback();
    }
    destroy() {
      this.remove();
    }
  }

  const name = "trecento-comments";
  if (!customElements.get(name)) customElements.define(name, TrecentoComments);
  if (!script.closest("head") && !document.querySelector(name)) {
    const element = document.createElement(name);
    Object.assign(element.dataset, script.dataset);
    script.after(element);
  }
})();
