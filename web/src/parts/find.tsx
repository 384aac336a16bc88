import { Icon } from "./glyph.tsx";

/** Choose is a column of a list by whose values it is narrowed; it is not there where there is nothing to choose. */
export function Choose({
  name,
  values,
  chosen,
  onChange,
  word = (value) => value || "none",
}: {
  name: string;
  values: { value: string; count: number }[];
  chosen: string | undefined;
  onChange: (value: string) => void;
  word?: (value: string) => string;
}) {
  if (values.length < 2 && !chosen) return null;
  return (
    <select className="field quiet" aria-label={name} value={chosen ?? ""} onChange={(e) => onChange(e.target.value)}>
      <option value="">{name}: all</option>
      {values.map((v) => (
        <option key={v.value} value={v.value}>
          {word(v.value)} ({v.count})
        </option>
      ))}
    </select>
  );
}

/** Find is the field in which a list is searched; / leads to it. */
export function Find({
  label,
  hint,
  value,
  onChange,
}: {
  label: string;
  hint: string;
  value: string | undefined;
  onChange: (text: string) => void;
}) {
  return (
    <label className="search">
      <Icon name="search" />
      <input
        data-search
        type="search"
        aria-label={label}
        placeholder={hint}
        value={value ?? ""}
        onChange={(e) => onChange(e.target.value)}
        onKeyDown={(e) => e.key === "Escape" && e.currentTarget.blur()}
      />
      <kbd>/</kbd>
    </label>
  );
}
