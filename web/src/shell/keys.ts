import { useEffect, useRef } from "react";

// Single keys do something only while nobody types, and only if the person wants them to (WCAG 2.1.4).

const store = "plumb.keys";
export const keysOn = (): boolean => localStorage.getItem(store) !== "off";
export const setKeys = (on: boolean) => (on ? localStorage.removeItem(store) : localStorage.setItem(store, "off"));

/** typing tells whether keys belong to a field. */
export function typing(target: EventTarget | null): boolean {
  const e = target as HTMLElement | null;
  return !!e?.closest?.("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");
}

export type Keys = Record<string, (e: KeyboardEvent) => void>;

/**
 * useKeys listens for keys: "/" or "g f" (one after the other, within a second). What a view asks for later wins.
 * Names are those of KeyboardEvent.key.
 */
export function useKeys(keys: Keys) {
  const now = useRef(keys);
  now.current = keys;
  useEffect(() => {
    let first = "";
    let timer = 0;
    const listen = (e: KeyboardEvent) => {
      if (e.defaultPrevented || e.metaKey || e.ctrlKey || e.altKey) return;
      if (typing(e.target) || document.querySelector("dialog[open]")) return;
      if (!keysOn() && e.key.length === 1) return;
      const name = first ? `${first} ${e.key}` : e.key;
      const act = now.current[name];
      window.clearTimeout(timer);
      if (act) {
        first = "";
        e.preventDefault();
        act(e);
        return;
      }
      first = Object.keys(now.current).some((k) => k.startsWith(`${e.key} `)) ? e.key : "";
      timer = window.setTimeout(() => {
        first = "";
      }, 1000);
    };
    window.addEventListener("keydown", listen);
    return () => window.removeEventListener("keydown", listen);
  }, []);
}
