export type Kind = "" | "key" | "text" | "word" | "note";

/** spans cuts a line of YAML into what is drawn differently: keys, plain words (numbers, booleans, null), quoted text, comments. */
export function spans(line: string): [Kind, string][] {
  const m = /^(\s*(?:- )*)((?:"[^"]*"|'[^']*'|[^\s#:'"[\]{}][^#:]*?|[^\s:#]+)(?=:(?:\s|$)))?(.*)$/.exec(line);
  if (!m) return [["", line]];
  const [, indent = "", key = "", rest = ""] = m;
  const out: [Kind, string][] = [];
  if (indent) out.push(["", indent]);
  if (key) out.push(["key", key]);
  const v = /^(:?\s*)(.*?)(\s+#.*)?$/.exec(rest)!;
  if (v[1]) out.push(["", v[1]]);
  if (v[2]) out.push([kindOf(v[2]), v[2]]);
  if (v[3]) out.push(["note", v[3]]);
  return out;
}

function kindOf(value: string): Kind {
  if (/^#/.test(value)) return "note";
  if (/^["']/.test(value)) return "text";
  if (/^(true|false|null|~|-?\d+(\.\d+)?)$/.test(value)) return "word";
  return "";
}
