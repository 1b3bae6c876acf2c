// Talks to the server under /ui. Everything that changes something carries a header other sites cannot send.

const OURS = { "x-crossroads": "page" };

export class Refused extends Error {
  constructor(message, cure, type, status) {
    super(message);
    this.cure = cure;
    this.type = type;
    this.status = status;
  }
}

export async function call(path, { method = "GET", json, form, signal } = {}) {
  const headers = method === "GET" ? {} : { ...OURS };
  if (json !== undefined) headers["content-type"] = "application/json";
  let response;
  try {
    response = await fetch(address(path), { method, headers, signal, body: form ?? (json === undefined ? undefined : JSON.stringify(json)) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused("Crossroads does not answer.", "Is it still running? The page tries again when you do.", "offline", 0);
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

export async function data(path, options) {
  return (await call(path, options)).json();
}

// JSON lines as they arrive.
export async function* lines(path) {
  const reader = (await call(path)).body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    let part;
    try {
      part = await reader.read();
    } catch {
      throw new Refused("The connection to Crossroads was lost.", "Reload the page: what was finished is kept.", "offline", 0);
    }
    rest += decoder.decode(part.value ?? new Uint8Array(), { stream: !part.done });
    const whole = rest.split("\n");
    rest = whole.pop();
    for (const line of whole) if (line) yield JSON.parse(line);
    if (part.done) return;
  }
}

function address(path) {
  return new URL(path, document.baseURI);
}

async function refusal(response) {
  let body = {};
  try {
    body = await response.json();
  } catch {
    // not ours: a proxy's page, for one
  }
  if (response.status === 401) return new Refused("You are no longer signed in.", "Reload the page to sign in again; copy first what you wrote.", "sign_in", 401);
  const error = body.error ?? {};
  const message = error.message ?? (typeof body.detail === "string" ? body.detail : `The server answered ${response.status}.`);
  return new Refused(message, error.cure ?? "", error.type ?? "http", response.status);
}
