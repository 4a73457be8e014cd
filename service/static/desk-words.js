/** How the desk puts a comment, its findings and its history into words and marks; everything goes in as text. */

const MOST = 10_000; // the service counts no further

export const WORDS = { approved: "approved", held: "waiting", rejected: "rejected", removed: "removed" };

export const make = (tag, properties = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
};

const RELATIVE = new Intl.RelativeTimeFormat("en", { style: "short" });
export function time(iso) {
  const date = new Date(iso);
  let age = (date - Date.now()) / 1000;
  let text = "just now";
  for (const [unit, size] of [
    ["second", 60],
    ["minute", 60],
    ["hour", 24],
    ["day", 30],
    ["month", 1e9],
  ]) {
    if (age > -size) {
      if (unit !== "second") text = RELATIVE.format(Math.ceil(age), unit);
      break;
    }
    age /= size;
  }
  return make("time", { dateTime: iso, title: date.toLocaleString() }, text);
}

export const shorten = (text, length) => {
  const letters = [...text.replace(/\s+/g, " ")];
  return letters.length > length ? `${letters.slice(0, length).join("")}…` : letters.join("");
};
export const author = (comment) => comment.author?.name || "A reader";
export const counted = (number) => (number >= MOST ? `${MOST.toLocaleString()}+` : number.toLocaleString());

/** The text with the pieces marked that findings point at; spans count code points, as the service does. */
export function marked({ body, findings }) {
  const letters = [...body];
  const levels = letters.map(() => 0);
  for (const { spans, shadow } of findings)
    for (const [start, end] of spans)
      for (let at = start; at < end; at++) levels[at] = Math.max(levels[at], shadow ? 1 : 2);
  const text = document.createDocumentFragment();
  for (let start = 0, end; start < letters.length; start = end) {
    end = start + 1;
    while (end < letters.length && levels[end] === levels[start]) end++;
    const piece = letters.slice(start, end).join("");
    text.append(levels[start] ? make("mark", { className: levels[start] === 1 ? "shadow" : "" }, piece) : piece);
  }
  return text;
}

export const record = (counts) =>
  Object.entries(counts)
    .map(([status, number]) => `${number} ${WORDS[status]}`)
    .join(" · ");
export const person = ({ moderator, policy }) => moderator || `policy ${policy}`;

function finding(body, { rule, effect, shadow, failed, score, spans, message }) {
  const letters = [...body];
  const words = [...new Set(spans.map(([start, end]) => letters.slice(start, end).join("")))];
  const label = failed
    ? "rule failed"
    : shadow
      ? "only recorded"
      : { hold: "holds", reject: "rejects", pass: "passes" }[effect];
  return make(
    "li",
    { className: shadow ? "shadow" : effect },
    make("span", { className: "effect" }, label),
    make(
      "div",
      {},
      make("p", {}, message),
      make(
        "small",
        {},
        rule.replaceAll("_", " "),
        ` · ${Math.round(score * 100)} % sure`,
        words.length && words.join("").length < 120 ? ` · ${words.map((word) => `“${word}”`).join(" ")}` : "",
      ),
    ),
  );
}

/** What every rule said of one comment. */
export function findings(comment) {
  if (!comment.findings.length) return make("p", { className: "quiet" }, "No rule speaks against it.");
  return make("ul", { className: "findings" }, ...comment.findings.map((one) => finding(comment.body, one)));
}

/** Everything that was decided on one comment, the latest first. */
export function story(history) {
  const rows = history.map((entry) =>
    make(
      "li",
      {},
      make("b", {}, person(entry.by)),
      entry.from ? ` ${WORDS[entry.from]} → ${WORDS[entry.to]} ` : ` ${WORDS[entry.to]} `,
      time(entry.at),
      ...(entry.note || entry.reason ? [make("q", {}, entry.note || entry.reason)] : []),
    ),
  );
  return make("ol", {}, ...rows.reverse());
}
