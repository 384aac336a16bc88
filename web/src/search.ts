// What the address of a page says after the question mark: plain text, so that people can read and write it.

export type Search = Record<string, string>;

export const parseSearch = (text: string): Search => Object.fromEntries(new URLSearchParams(text.replace(/^\?/, "")));

export function stringifySearch(search: Record<string, unknown>): string {
  const q = new URLSearchParams();
  for (const [k, v] of Object.entries(search)) if (v !== undefined && v !== null && v !== "") q.set(k, String(v));
  // Commas and slashes are plain in a query; people read these addresses.
  const text = q.toString().replaceAll("%2C", ",").replaceAll("%2F", "/").replaceAll("%40", "@");
  return text ? `?${text}` : "";
}

/** list reads "a,b" ; "" is nothing. */
export const list = (text: string | undefined): string[] => (text ? text.split(",").filter(Boolean) : []);

/** one gives a value if it is one of those that may be, else the first of them. */
export const one = <T extends string>(allowed: readonly T[], text: string | undefined): T =>
  allowed.includes(text as T) ? (text as T) : allowed[0]!;

/** toggled adds a value to a list, or takes it out. */
export const toggled = (values: readonly string[], v: string): string =>
  (values.includes(v) ? values.filter((x) => x !== v) : [...values, v]).join(",");
