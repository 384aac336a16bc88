import { Icon } from "./glyph.tsx";

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
