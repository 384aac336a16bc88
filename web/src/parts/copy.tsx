import { useState } from "react";
import { Icon } from "./glyph.tsx";

/** copyText puts text into the clipboard, also where the page is served without TLS. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

export function CopyButton({ text, label }: { text: string; label: string }) {
  const [done, setDone] = useState(false);
  return (
    <button
      type="button"
      className="button plain icon"
      aria-label={done ? "copied" : label}
      title={done ? "copied" : label}
      onClick={async () => {
        setDone(await copyText(text));
        window.setTimeout(() => setDone(false), 1500);
      }}
    >
      <Icon name={done ? "check" : "copy"} />
    </button>
  );
}

/** Command is something to type elsewhere, with a button that copies it. */
export function Command({ text, label = "copy the command" }: { text: string; label?: string }) {
  return (
    <div className="copy">
      <code className="command">{text}</code>
      <CopyButton text={text} label={label} />
    </div>
  );
}
