/** Turns /openapi.json into something to read: one section for each request, shapes spelled out where they are used. */

const make = (tag, properties = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
};
const code = (text) => make("code", {}, text);

/** Text in which `…` marks code; the names of problems become links. */
function prose(text) {
  return (text || "").split("`").map((piece, index) => {
    if (index % 2 === 0) return piece;
    return /^[a-z]+(-[a-z]+)+$/.test(piece) ? make("a", { href: `/problems/${piece}` }, code(piece)) : code(piece);
  });
}

const named = (document, schema) => (schema?.$ref ? document.components.schemas[schema.$ref.split("/").pop()] : schema);

/** A type in a few words: `string, 1 to 60`, `list of Reason`, `held | approved`. */
function kind(schema = {}) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  const choices = schema.anyOf || schema.oneOf;
  if (choices) return choices.map(kind).join(" or ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.type === "array")
    return `list of ${schema.prefixItems ? schema.prefixItems.map(kind).join(", ") : kind(schema.items)}`;
  const low = schema.minimum ?? schema.minLength;
  const high = schema.maximum ?? schema.maxLength;
  const range = [low === undefined ? "" : `from ${low}`, high === undefined ? "" : `to ${high}`].join(" ").trim();
  return [schema.format || schema.type || "anything", range].filter(Boolean).join(", ");
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
    const lines = description.split("\n\n").map((line) => make("p", {}, ...prose(line)));
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
