// The one way to the agent: same origin, the session's cookie, JSON. Every error is a Fault: what is wrong, and what to do.

export const root = "/api/v1alpha1";

/** Fault is an error as the agent says it. */
export class Fault extends Error {
  readonly status: number;
  readonly reason: string;
  readonly next: string;
  constructor(status: number, reason: string, message: string, next = "") {
    super(message);
    this.name = "Fault";
    this.status = status;
    this.reason = reason;
    this.next = next;
  }
  static of(error: unknown): Fault {
    if (error instanceof Fault) return error;
    return new Fault(0, "", error instanceof Error ? error.message : String(error));
  }
}

type Value = string | number | boolean | undefined | null;
export type Query = Record<string, Value>;

/** url makes an address below the API's root; parts of a path are escaped, empty parameters left out. */
export function url(parts: string[], query: Query = {}): string {
  const q = new URLSearchParams();
  for (const [k, v] of Object.entries(query)) if (v !== undefined && v !== null && v !== "" && v !== false) q.set(k, String(v));
  const tail = q.size ? `?${q}` : "";
  return `${root}/${parts.map(encodeURIComponent).join("/")}${tail}`;
}

async function read<T>(answer: Promise<Response>): Promise<T> {
  let r: Response;
  try {
    r = await answer;
  } catch {
    throw new Fault(0, "Unreachable", "the agent does not answer", "the page tries again by itself");
  }
  const isJSON = r.headers.get("content-type")?.includes("json");
  if (r.ok) return (isJSON ? await r.json() : undefined) as T;
  let said: { reason?: string; message?: string; next?: string; detail?: string; title?: string } = {};
  if (isJSON) said = await r.json().catch(() => ({}));
  throw new Fault(
    r.status,
    said.reason ?? "",
    said.message ?? said.detail ?? said.title ?? `the agent answers ${r.status}`,
    said.next ?? "",
  );
}

export function get<T>(parts: string[], query: Query = {}, signal?: AbortSignal): Promise<T> {
  return read<T>(fetch(url(parts, query), { credentials: "same-origin", headers: { Accept: "application/json" }, signal }));
}

/** post asks the agent to do something. The header shows that a script of this page asks, and no form of another site. */
export function post<T>(parts: string[], body: unknown = {}): Promise<T> {
  return read<T>(
    fetch(url(parts), {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json", Accept: "application/json", "X-Plumb": "1" },
      body: JSON.stringify(body),
    }),
  );
}
