/** Turns /openapi.json into something to read: one section for each request, shapes spelled out where they are used. */

const make = (tag, properties = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
};
const code = (text) => make("code", {}, text);

/** Text in which `…` marks code. */
const prose = (text = "") => text.split("`").map((piece, index) => (index % 2 ? code(piece) : piece));

/** The line of a refusal, `slug`: why; the slug leads to its page. */
function refusal(line) {
  const [, slug, why] = /^`([^`]+)`(.*)$/s.exec(line) || [];
  return slug ? [make("a", { href: `/problems/${slug}` }, code(slug)), ...prose(why)] : prose(line);
}

const named = (document, schema) => (schema?.$ref ? document.components.schemas[schema.$ref.split("/").pop()] : schema);

/** A type in a few words: `text, 1 to 60 characters`, `list of Reason`, `"held" or "approved"`. */
function kind(schema = {}) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  const choices = schema.anyOf || schema.oneOf;
  if (choices) return choices.map(kind).join(" or ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" or ");
  if (schema.prefixItems) return `[${schema.prefixItems.map(kind).join(", ")}]`;
  if (schema.type === "array") return `list of ${kind(schema.items)}`;
  const name = schema.format || (schema.type === "string" ? "text" : schema.type) || "anything";
  const low = schema.minimum ?? schema.minLength;
  const high = schema.maximum ?? schema.maxLength;
  if (low === undefined && high === undefined) return name;
  const range = high === undefined ? `at least ${low}` : low === undefined ? `at most ${high}` : `${low} to ${high}`;
  return `${name}, ${range}${schema.type === "string" ? " characters" : ""}`;
}

const row = (name, schema, required) =>
  make(
    "tr",
    {},
    make("td", {}, code(name), ...(required ? [] : [make("small", {}, " optional")])),
    make(
      "td",
      {},
      kind(schema),
      ...("default" in schema && schema.default !== null
        ? [make("small", {}, ` default ${JSON.stringify(schema.default)}`)]
        : []),
      " ",
      ...prose(schema.description),
    ),
  );

/** The members of a shape, and below it the members of the shapes it holds. */
function shape(document, schema, seen = new Set()) {
  const full = named(document, schema);
  if (!full?.properties) return [make("p", {}, code(kind(schema)))];
  const tables = [];
  const queue = [[null, full]];
  while (queue.length) {
    const [title, { properties, required = [], description }] = queue.shift();
    if (title) tables.push(make("h4", {}, title, " ", make("small", {}, ...prose(description))));
    tables.push(
      make(
        "table",
        {},
        make(
          "tbody",
          {},
          ...Object.entries(properties).map(([name, value]) => row(name, value, required.includes(name))),
        ),
      ),
    );
    for (const [, inner] of JSON.stringify(properties).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      const found = document.components.schemas[inner];
      if (!seen.has(inner) && found.properties) queue.push([inner, found]);
      seen.add(inner);
    }
  }
  return tables;
}

const part = (title, ...content) => make("details", {}, make("summary", {}, title), ...content);

function answers(document, responses) {
  return Object.entries(responses).map(([status, { description = "", content }]) => {
    const [type, { schema } = {}] = Object.entries(content || {})[0] || [];
    const lines = description
      .split("\n\n")
      .map((line) => make("p", {}, ...(status < 400 ? prose(line) : refusal(line))));
    const good = status < 400 && type === "application/json";
    return make(
      "li",
      { className: status < 400 ? "good" : "" },
      make("b", {}, status),
      make("div", {}, ...lines, ...(good ? [part("Members", ...shape(document, schema))] : [])),
    );
  });
}

function section(document, path, method, operation) {
  const id = operation.operationId;
  const parameters = operation.parameters || [];
  const body = operation.requestBody?.content["application/json"].schema;
  return make(
    "section",
    { id, className: "operation" },
    make("h3", {}, make("span", { className: `method ${method}` }, method.toUpperCase()), " ", code(path)),
    make(
      "p",
      {},
      ...prose(operation.summary),
      ...(operation.security ? [make("small", {}, " For signed-in moderators, or with a token.")] : []),
    ),
    ...(parameters.length
      ? [
          make("h4", {}, "Parameters"),
          make(
            "table",
            {},
            make("tbody", {}, ...parameters.map(({ name, schema, required }) => row(name, schema, required))),
          ),
        ]
      : []),
    ...(body ? [make("h4", {}, "Body"), ...shape(document, body)] : []),
    make("h4", {}, "Answers"),
    make("ul", { className: "answers" }, ...answers(document, operation.responses)),
  );
}

for (const node of document.querySelectorAll(".here")) node.textContent = location.origin;
const target = document.getElementById("operations");
try {
  const description = await (await fetch("/openapi.json")).json();
  const operations = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => [path, method, operation]),
  );
  target.replaceChildren(...operations.map((operation) => section(description, ...operation)));
  document
    .getElementById("contents")
    .replaceChildren(
      ...operations.map(([path, method, { operationId }]) =>
        make(
          "a",
          { href: `#${operationId}` },
          make("span", { className: `method ${method}` }, method.toUpperCase()),
          ` ${path}`,
        ),
      ),
    );
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
} catch {
  target.replaceChildren(
    make(
      "p",
      { role: "alert" },
      "The document could not be loaded. It is at ",
      make("a", { href: "/openapi.json" }, "/openapi.json"),
      ".",
    ),
  );
}
