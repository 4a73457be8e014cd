/** How the desk speaks with the service: JSON over HTTP, refusals as problem documents (RFC 9457). */

export class Problem extends Error {
  constructor(status, { type = "", detail = "The service gave no reason." } = {}) {
    super(detail);
    this.status = status;
    this.slug = type.split("/").pop();
  }
}

export async function send(method, path, body) {
  let answer;
  try {
    answer = await fetch(`v1/desk/${path}`, {
      method,
      headers: body ? { "Content-Type": "application/json" } : {},
      body: body && JSON.stringify(body),
    });
  } catch {
    throw new Problem(0, { detail: "The service cannot be reached. Nothing on the screen is lost." });
  }
  const reply = answer.status === 204 ? null : await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Problem(answer.status, reply);
  return reply;
}
