/** Who sits at the desk: signs in, and again when the session has ended, over a page that stays as it was. */

import { Problem, send } from "./desk-service.js";

const $ = (id) => document.getElementById(id);
const SITE = new URLSearchParams(location.search).get("site") || undefined;
let signingIn = null;

/** Tells whether the desk waits for a password. */
export const isSigningIn = () => signingIn !== null;

/** Asks the service; when the session has ended, asks for the password and then once more. Decisions are not repeated. */
export async function ask(method, path, body) {
  try {
    return await send(method, path, body);
  } catch (problem) {
    if (problem.status !== 401) throw problem;
    await signIn("Your session has ended. Sign in to go on where you were.");
    if (method !== "GET")
      throw new Problem(401, { detail: "You are signed in again. The decision was not sent; press it once more." });
    return send(method, path);
  }
}

export function signIn(reason) {
  signingIn ??= new Promise((resolve) => {
    const form = $("sign-in").querySelector("form");
    $("sign-in-problem").textContent = reason;
    form.onsubmit = async (event) => {
      event.preventDefault();
      const { name, password } = Object.fromEntries(new FormData(form));
      try {
        const session = await send("POST", "session", { name, password, site: SITE });
        form.elements.password.value = "";
        $("sign-in").close();
        signingIn = null;
        welcome(session);
        resolve();
      } catch (problem) {
        $("sign-in-problem").textContent = problem.message;
        form.elements.password.select();
      }
    };
    $("sign-in").showModal();
  });
  return signingIn;
}

export function welcome({ moderator, site }) {
  $("moderator").textContent = moderator.name;
  $("site").textContent = site;
  $("sign-out").hidden = false;
}

export async function signOut() {
  try {
    await send("DELETE", "session");
  } catch (problem) {
    if (problem.status !== 401) throw problem;
  }
  location.reload();
}
