import { useSyncExternalStore } from "react";
import { age, secondsOf } from "../words.ts";

// One clock for the whole page: everything that shows an age is drawn anew once a second or once in ten, and at no other time.
const every = (ms: number) => {
  let now = Date.now() / 1000;
  const listeners = new Set<() => void>();
  let timer = 0;
  return {
    subscribe(listener: () => void) {
      listeners.add(listener);
      if (!timer) {
        timer = window.setInterval(() => {
          now = Date.now() / 1000;
          for (const l of listeners) l();
        }, ms);
      }
      return () => {
        listeners.delete(listener);
        if (!listeners.size) {
          window.clearInterval(timer);
          timer = 0;
        }
      };
    },
    now() {
      if (!timer) now = Date.now() / 1000;
      return now;
    },
  };
};
const second = every(1000);
const tenth = every(10_000);

/** useNow is the time in Unix seconds; coarse is every ten seconds. */
export function useNow(coarse = false): number {
  const clock = coarse ? tenth : second;
  return useSyncExternalStore(clock.subscribe, clock.now);
}

/** Ago is how long something is past; its exact time is the tooltip. */
export function Ago({ at, suffix = " ago", className }: { at: string | number | undefined | null; suffix?: string; className?: string }) {
  const now = useNow(true);
  const t = typeof at === "number" ? at : secondsOf(at);
  if (!t) return <span className={className}>–</span>;
  const iso = new Date(t * 1000).toISOString();
  return (
    <time dateTime={iso} title={fullText(t)} className={`num ${className ?? ""}`}>
      {agoText(t, now, suffix)}
    </time>
  );
}

/** agoText is how long a time is past, both in Unix seconds. */
export const agoText = (t: number, now: number, suffix = ""): string => (now - t < 5 ? "now" : age(now - t) + suffix);

/** fullText is a time with its date, to the second, as this person's language writes it. */
export const fullText = (t: number): string => fullFormat.format(t * 1000);

const fullFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const clockFormat = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dayFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

/** clockText is a time of today, or a day and time. */
export function clockText(at: string | number | undefined | null): string {
  const t = typeof at === "number" ? at : secondsOf(at);
  if (!t) return "–";
  const d = new Date(t * 1000);
  const today = new Date().toDateString() === d.toDateString();
  return (today ? "" : `${dayFormat.format(d)} `) + clockFormat.format(d);
}

export function Clock({ at }: { at: string | undefined | null }) {
  const t = secondsOf(at);
  if (!t) return <span>–</span>;
  return (
    <time dateTime={new Date(t * 1000).toISOString()} className="num" title={fullFormat.format(t * 1000)}>
      {clockText(t)}
    </time>
  );
}
