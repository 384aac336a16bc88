// The state words of an app, in their order: what beats what. The same words as in the command, the resources and the metrics.
export const states = ["failed", "drifted", "rolling", "waiting", "paused", "ok", "unknown"] as const;
export type State = (typeof states)[number];

const words: Record<State, string> = {
  failed: "failed",
  drifted: "drifted",
  rolling: "rolling out",
  waiting: "waiting",
  paused: "paused",
  ok: "ok",
  unknown: "unknown",
};

const signs: Record<State, string> = { failed: "✕", drifted: "≠", rolling: "◐", waiting: "◷", paused: "‖", ok: "●", unknown: "?" };

export const isState = (s: string): s is State => s in words;
export const asState = (s: string | undefined): State => (s && isState(s) ? s : "unknown");
/** word is how people read a state. */
export const word = (s: string): string => words[asState(s)];
/** sign is a state in a title, where no drawing can stand. */
export const sign = (s: string): string => signs[asState(s)];
const severities: Record<State, number> = { failed: 0, unknown: 0.5, drifted: 1, rolling: 2, waiting: 3, paused: 4, ok: 5 };
/** severity orders states: 0 is the gravest. Unknown stands beside failed: nobody knows. */
export const severity = (s: State): number => severities[s];

/** plural counts things in words: "1 app", "2 apps", "1,200 apps". */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

const grouped = new Intl.NumberFormat("en-US");
export const count = (n: number): string => grouped.format(n);

/** short is a commit as people write it. */
export const short = (commit: string | undefined): string => (commit ?? "").replace(/^.*@/, "").slice(0, 7);

/** address is the name people use for a target: app, app/env, app/env@cluster. */
export function address(t: { app: string; env?: string; cluster?: string }): string {
  const at = t.cluster && t.cluster !== "local" ? `@${t.cluster}` : "";
  return t.app + (t.env ? `/${t.env}` : "") + at;
}

/** place is where a target is, in words: the environment, the cluster, or both. */
export function place(t: { env?: string; cluster?: string }): string {
  const cluster = t.cluster && t.cluster !== "local" ? t.cluster : "";
  return [t.env, cluster].filter(Boolean).join(" · ") || "this cluster";
}

/** age is how long a span of seconds is, to two places of no interest: "12s", "3m", "5h", "2d". */
export function age(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m`;
  if (s < 86400 * 2) return `${Math.floor(s / 3600)}h`;
  return `${Math.floor(s / 86400)}d`;
}

/** span is a duration with its seconds: "0.8s", "49s", "2m 10s", "1h 5m", "10d 9h". */
export function span(seconds: number): string {
  if (seconds < 10) return `${Math.max(0, seconds).toFixed(1).replace(/\.0$/, "")}s`;
  const s = Math.round(seconds);
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m${s % 60 ? ` ${s % 60}s` : ""}`;
  if (s >= 86400 * 2) return `${Math.floor(s / 86400)}d${s % 86400 >= 3600 ? ` ${Math.floor((s % 86400) / 3600)}h` : ""}`;
  return `${Math.floor(s / 3600)}h${s % 3600 >= 60 ? ` ${Math.floor((s % 3600) / 60)}m` : ""}`;
}

/** secondsOf is a time as Unix seconds; 0 if there is none. */
export const secondsOf = (t: string | undefined | null): number => (t ? Date.parse(t) / 1000 || 0 : 0);

/** between is how many seconds lie between two times; undefined if one is missing. */
export function between(from: string | undefined | null, to: string | undefined | null): number | undefined {
  const a = secondsOf(from);
  const b = secondsOf(to);
  return a && b ? b - a : undefined;
}

/** safeLink gives an address that may be a link: http and https only. */
export function safeLink(url: string | undefined): string | undefined {
  return url && /^https?:\/\//i.test(url) ? url : undefined;
}

/** initials are for the round button of a person: "lena@acme.io" is "LE". */
export const initials = (name: string): string => name.replace(/^.*:/, "").slice(0, 2) || "?";

/** hasValue tells whether a field has something to show. */
export const hasValue = (v: unknown): boolean => v !== undefined && v !== null && v !== "";

/** valueText is a value of a manifest in one piece: text as it is, everything else as JSON. */
export const valueText = (v: unknown): string => (typeof v === "string" ? v : JSON.stringify(v, null, typeof v === "object" ? 1 : 0));

/** person is an author without the address: "Lena <lena@acme.io>" is "Lena". */
export const person = (author: string | undefined): string => (author ?? "").replace(/\s*<[^>]*>\s*$/, "") || (author ?? "");

/** stepOf parts a next step into what is to be typed, and what is said about it: "plumb sync web/dev" and "tries again now". */
export function stepOf(text: string): { command: string; rest: string } {
  if (!/^(plumb|kubectl|git|helm) /.test(text)) return { command: "", rest: text };
  const said = text.search(/;|,? (shows|prints|lists|tries|applies|corrects|ends|pushes|proposes|does|has|and kubectl|or)\b/);
  if (said < 0) return { command: text, rest: "" };
  return { command: text.slice(0, said), rest: text.slice(said).replace(/^[;,]? /, "") };
}
