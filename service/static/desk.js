/** The moderators' desk: shows what waits, takes one key per decision, never overwrites what somebody else decided. */

import { Problem, send } from "./desk-service.js";
import { ask, isSigningIn, signIn, signOut, welcome } from "./desk-session.js";
import { detail, OFFERED, row } from "./desk-view.js";
import { counted, person, record, shorten, story, WORDS } from "./desk-words.js";

const $ = (id) => document.getElementById(id);
const NOTHING = {
  held: "Nothing waits. Every comment has been read.",
  approved: "No comment has been approved yet.",
  rejected: "No comment has been rejected.",
  removed: "No comment has been removed.",
};
const POLL = 15_000;
const TOAST = 12_000;
const NARROW = matchMedia("(max-width: 52rem)");

const view = { status: "held", sort: "riskiest", q: "", ...Object.fromEntries(new URLSearchParams(location.search)) };
if (!(view.status in WORDS)) view.status = "held";
let comments = [];
let next = null;
let waiting = 0;
let selected = null;
let busy = false;
let asked = 0;
let fading;
const decided = [];
const conflicts = new Map();

function say(text, { undo = false, bad = false } = {}) {
  $("said").textContent = text;
  $("undo").hidden = !undo;
  $("toast").hidden = !text;
  $("toast").classList.toggle("bad", bad);
  clearTimeout(fading);
  if (!bad) fading = setTimeout(say, TOAST, "");
}
const complain = (problem) => say(problem.message, { bad: true });

function drawTabs() {
  for (const tab of $("tabs").children) tab.setAttribute("aria-pressed", tab.dataset.status === view.status);
  $("waiting").textContent = waiting ? counted(waiting) : "";
  document.title = `${waiting ? `(${counted(waiting)}) ` : ""}Desk – Trecento`;
}

function drawSearch() {
  $("search").elements.q.value = view.q;
  $("search").elements.sort.value = view.sort;
}

function drawList() {
  $("list").replaceChildren(
    ...comments.map((comment) => {
      const item = row(comment, view.status, () => select(comment));
      if (comment === selected) item.firstChild.setAttribute("aria-current", "true");
      return item;
    }),
  );
  $("more").hidden = !next;
  $("empty").hidden = comments.length > 0;
  $("empty").textContent = view.q
    ? `No comment ${next ? "among the first 10,000" : "here"} holds “${view.q}”.`
    : NOTHING[view.status];
}

function drawDetail() {
  $("detail").hidden = !selected;
  if (!selected) return $("detail").replaceChildren();
  const open = $("history")?.open;
  $("detail").replaceChildren(...detail(selected, conflicts.get(selected.id), decide));
  $("history").open = open;
  drawPast();
}

/** Fills in what comes later than the comment itself, and leaves the buttons alone: somebody may be pressing one. */
function drawPast() {
  if (!selected.history) return;
  $("record").textContent = record(selected.record);
  $("story").replaceChildren(story(selected.history));
}

async function load({ append = false } = {}) {
  const turn = ++asked;
  const query = new URLSearchParams({
    status: view.status,
    sort: view.sort,
    ...(view.q && { q: view.q }),
    ...(append && { after: next }),
  });
  try {
    const queue = await ask("GET", `queue?${query}`);
    if (turn !== asked) return; // another tab or search has been asked for since
    for (const comment of queue.comments) comment.draft = comments.find(({ id }) => id === comment.id)?.draft;
    const known = new Set(append ? comments.map(({ id }) => id) : []);
    comments = [...(append ? comments : []), ...queue.comments.filter(({ id }) => !known.has(id))];
    next = queue.next;
    if (view.status === "held") waiting = queue.total;
    $("fresh").hidden = true;
    if (!append) {
      conflicts.clear();
      select(comments.find(({ id }) => id === selected?.id) || comments[0] || null);
    }
    drawTabs();
    drawList();
  } catch (problem) {
    complain(problem);
  }
}

function turn(change) {
  Object.assign(view, change);
  history.replaceState(null, "", `?${new URLSearchParams(Object.entries(view).filter(([, value]) => value))}`);
  drawSearch();
  drawTabs();
  return load();
}

function select(comment, { focus = false } = {}) {
  selected = comment;
  for (const [index, item] of [...$("list").children].entries()) {
    const row = item.firstChild;
    if (comments[index] !== comment) {
      row.removeAttribute("aria-current");
      continue;
    }
    row.setAttribute("aria-current", "true");
    if (NARROW.matches) scrollTo(0, 0);
    else row.scrollIntoView({ block: "nearest" });
    if (focus) row.focus({ preventScroll: true });
  }
  drawDetail();
  $("detail").scrollTop = 0;
  if (comment) examine(comment);
}

/** Adds the author's record and the history to a comment. */
async function examine(comment) {
  try {
    const found = await ask("GET", `comments/${comment.id}`);
    comment.record = found.author_record;
    comment.history = found.history;
    if (comment === selected) drawPast();
  } catch (problem) {
    complain(problem);
  }
}

function step(by) {
  const index = comments.indexOf(selected) + by;
  if (comments[index]) select(comments[index], { focus: true });
}

/** Sends one decision; gives the status now, or null when somebody was faster, which is then shown. */
async function settle(comment, action, expected, note) {
  const { results } = await ask("POST", "decisions", {
    decisions: [{ comment: comment.id, action, expected, ...(note && { note }) }],
  });
  const [{ status, error }] = results;
  if (!error) return status;
  if (!status) throw new Problem(404, error);
  comment.status = status;
  const { latest } = error;
  conflicts.set(
    comment.id,
    latest
      ? `${person(latest.by)} was faster: ${WORDS[latest.to]} at ${new Date(latest.at).toLocaleTimeString()}${latest.note ? `, “${latest.note}”` : ""}. Your decision was not carried out. The comment is now ${WORDS[status]}.`
      : error.detail,
  );
  return null;
}

async function decide(action) {
  const comment = selected;
  if (busy || !comment || !OFFERED[comment.status].includes(action)) return;
  busy = true;
  try {
    const before = comment.status;
    const after = await settle(comment, action, before, comment.draft);
    if (!after) {
      say("Somebody else decided first.", { bad: true });
      drawList();
      return select(comment);
    }
    const index = comments.indexOf(comment);
    decided.push({ comment, index, before, after });
    Object.assign(comment, { status: after, draft: "" });
    conflicts.delete(comment.id);
    comments.splice(index, 1);
    if (before === "held") waiting = Math.max(0, waiting - 1);
    say(`${WORDS[after][0].toUpperCase()}${WORDS[after].slice(1)}: “${shorten(comment.body, 48)}”`, { undo: true });
    const focus = $("list").contains(document.activeElement);
    selected = comments[index] || comments[index - 1] || null;
    drawTabs();
    drawList();
    select(selected, { focus });
    if (next && comments.length < 10) await load({ append: true });
  } catch (problem) {
    complain(problem);
  } finally {
    busy = false;
  }
}

async function undo() {
  const last = decided.at(-1);
  if (busy) return;
  if (!last) return say("There is nothing to undo.");
  busy = true;
  try {
    const { comment, index } = last;
    const status = await settle(comment, "restore", last.after);
    decided.pop();
    if (status) {
      comment.status = status;
      if (status === "held") waiting++;
      say(`Undone: “${shorten(comment.body, 48)}” is ${WORDS[status]} again.`, { undo: decided.length > 0 });
    } else say("Somebody else has decided since, so there is nothing to undo.", { bad: true });
    const there = comments.findIndex(({ id }) => id === comment.id);
    if (there >= 0) comments[there] = comment;
    else if (!status || status === view.status) comments.splice(Math.min(index, comments.length), 0, comment);
    drawTabs();
    drawList();
    if (comments.includes(comment)) select(comment);
  } catch (problem) {
    complain(problem);
  } finally {
    busy = false;
  }
}

async function poll() {
  if (document.hidden || isSigningIn() || busy) return;
  try {
    const { total, comments: first } = await ask("GET", "queue?status=held&sort=newest&limit=1");
    const unseen = first.length > 0 && !comments.some(({ id }) => id === first[0].id);
    const more = total - waiting;
    waiting = total;
    drawTabs();
    if (view.status === "held" && !view.q && unseen && more > 0) {
      $("fresh").textContent = `${counted(more)} new – load the queue again`;
      $("fresh").hidden = false;
    }
  } catch {} // the next round asks again
}

const KEYS = {
  a: () => decide("approve"),
  r: () => decide("reject"),
  x: () => decide("remove"),
  u: undo,
  j: () => step(1),
  k: () => step(-1),
  ArrowDown: () => step(1),
  ArrowUp: () => step(-1),
  h: () => {
    if ($("history")) $("history").open = !$("history").open;
  },
  n: () => $("note")?.focus(),
  "/": () => $("search").elements.q.focus(),
  ".": () => load(),
  "?": () => $("help").showModal(),
};
for (const [index, tab] of [...$("tabs").children].entries()) {
  KEYS[index + 1] = () => turn({ status: tab.dataset.status });
  tab.onclick = KEYS[index + 1];
}
const MOVES = ["j", "k", "ArrowDown", "ArrowUp"];

document.addEventListener("keydown", (event) => {
  const { target, ctrlKey, metaKey, altKey } = event;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (ctrlKey || metaKey || altKey || document.querySelector("dialog[open]")) return;
  if (target.matches("input, select")) {
    if (key === "Escape") target.blur();
    return;
  }
  // a key held down decides once
  if (!KEYS[key] || (event.repeat && !MOVES.includes(key))) return;
  event.preventDefault();
  KEYS[key]();
});
$("search").onsubmit = (event) => {
  event.preventDefault();
  turn({ q: $("search").elements.q.value.trim() });
  document.activeElement.blur();
};
$("search").elements.q.oninput = ({ target }) => {
  if (!target.value) turn({ q: "" });
};
$("search").elements.sort.onchange = ({ target }) => turn({ sort: target.value });
$("sign-in").addEventListener("cancel", (event) => event.preventDefault());
$("help-button").onclick = KEYS["?"];
$("sign-out").onclick = () => signOut().catch(complain);
$("undo").onclick = undo;
$("more").onclick = () => load({ append: true });
$("fresh").onclick = () => load();
document.addEventListener("visibilitychange", poll);
setInterval(poll, POLL);

drawSearch();
drawTabs();
try {
  welcome(await send("GET", "session"));
} catch (problem) {
  if (problem.status === 401) await signIn("");
  else complain(problem);
}
await load();
poll();
