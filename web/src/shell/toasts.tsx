import { useSyncExternalStore } from "react";
import { Out } from "../parts/link.tsx";

type Toast = { id: number; text: string; next?: string; url?: string; bad?: boolean };
let toasts: Toast[] = [];
let last = 0;
const listeners = new Set<() => void>();
const tell = () => {
  for (const l of listeners) l();
};

/** say shows a sentence for a while: what was asked for, or why it was refused. */
export function say(text: string, more: { next?: string; url?: string; bad?: boolean } = {}) {
  const id = ++last;
  toasts = [...toasts.slice(-3), { id, text, ...more }];
  tell();
  window.setTimeout(
    () => {
      toasts = toasts.filter((t) => t.id !== id);
      tell();
    },
    more.bad || more.url ? 12_000 : 6000,
  );
}

export function Toasts() {
  const shown = useSyncExternalStore(
    (l) => {
      listeners.add(l);
      return () => listeners.delete(l);
    },
    () => toasts,
  );
  return (
    <div className="toasts" role="status" aria-live="polite">
      {shown.map((t) => (
        <div key={t.id} className={`toast ${t.bad ? "bad" : ""}`}>
          <div className="stack">
            <span>{t.text}</span>
            {t.next && <span className="dim">{t.next}</span>}
            {t.url && <Out href={t.url}>{t.url}</Out>}
          </div>
        </div>
      ))}
    </div>
  );
}
