/** What the desk shows of one comment: a row of the list, and everything that a decision needs. */

import { author, findings, make, marked, time, WORDS } from "./desk-words.js";

const ACTIONS = {
  approve: { key: "A", label: "Approve" },
  reject: { key: "R", label: "Reject" },
  remove: { key: "X", label: "Remove" },
};
/** The actions that make sense for a status. */
export const OFFERED = {
  held: ["approve", "reject", "remove"],
  approved: ["reject", "remove"],
  rejected: ["approve", "remove"],
  removed: ["approve", "reject"],
};

const chip = (status) => make("span", { className: `chip ${status}` }, WORDS[status]);

/** A row of the list of `status`; a comment that has another one by now says so. */
export function row(comment, status, onclick) {
  const stopped = comment.findings.filter(({ shadow }) => !shadow).map(({ rule }) => rule.replaceAll("_", " "));
  const button = make(
    "button",
    { type: "button", onclick },
    make("span", { className: "line" }, make("b", { dir: "auto" }, author(comment)), time(comment.submitted_at)),
    make("span", { className: "excerpt", dir: "auto" }, marked(comment)),
    make("span", { className: "line rules" }, [...new Set(stopped)].join(" · ")),
  );
  return make("li", {}, button, ...(comment.status === status ? [] : [chip(comment.status)]));
}

function notes(comment) {
  const note = make("input", {
    id: "note",
    maxLength: 1000,
    placeholder: "Note for the history (optional)",
    value: comment.draft || "",
    autocomplete: "off",
    ariaLabel: "Note for the history",
  });
  note.oninput = () => {
    comment.draft = note.value;
  };
  return note;
}

/** The whole comment; the record and the history are filled in when they are known. */
export function detail(comment, conflict, decide) {
  const { page, page_title: title } = comment;
  const where = /^https?:/.test(page)
    ? make("a", { href: page, target: "_blank", rel: "noreferrer" }, title || page)
    : make("span", { title: page }, title || page);
  const buttons = OFFERED[comment.status].map((action) => {
    const { label, key } = ACTIONS[action];
    const properties = { type: "button", className: action, onclick: () => decide(action) };
    return make("button", properties, label, make("kbd", {}, key));
  });
  return [
    make("p", { className: "where" }, chip(comment.status), where, time(comment.submitted_at)),
    make("p", { className: "body", dir: "auto" }, marked(comment)),
    make("p", { className: "author" }, make("b", { dir: "auto" }, author(comment)), make("span", { id: "record" })),
    ...(conflict ? [make("p", { className: "conflict", role: "alert" }, conflict)] : []),
    make("div", { className: "actions" }, ...buttons, notes(comment)),
    make("h2", {}, "What the rules say"),
    findings(comment),
    make(
      "details",
      { id: "history" },
      make("summary", {}, "History ", make("kbd", {}, "H")),
      make("div", { id: "story" }),
    ),
  ];
}
