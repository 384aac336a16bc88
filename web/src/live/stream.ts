import { root } from "../api/client.ts";

// The one stream of what changes. The browser's EventSource resumes by itself where the connection broke (Last-Event-ID); where
// the agent answers with an error, the stream is opened anew, later each time, and from the place that was reached.

export type Pulse = {
  state: "connecting" | "live" | "behind" | "offline";
  /** when the last event came, Unix seconds */
  heard: number;
  /** what the agent says of itself: since when nobody has heard from it */
  silent: string;
};

/** quiet is how many seconds may pass without an event before the page says that it is behind: two beats and a half. */
export const quiet = 25;

/** pulseOf judges the stream: it is pure, so that it can be told what time it is. */
export function pulseOf(open: boolean, heard: number, lost: number, silent: string, now: number): Pulse {
  if (!open) return { state: heard === 0 && now - lost < 3 ? "connecting" : now - lost < 2 ? "live" : "offline", heard, silent };
  if (now - heard > quiet || silent) return { state: "behind", heard, silent };
  return { state: "live", heard, silent };
}

/** delay is how long to wait before the n-th try, in milliseconds. */
export const delay = (n: number): number => Math.min(15_000, 500 * 2 ** Math.min(n, 5));

export const events = ["apps", "repos", "pulls", "changes", "reset", "beat"] as const;
export type EventName = (typeof events)[number];

export class Stream {
  open = false;
  heard = 0;
  lost = Date.now() / 1000;
  silent = "";
  private source: EventSource | undefined;
  private timer = 0;
  private tries = 0;
  private at: string;
  private readonly on: (event: EventName, data: unknown) => void;
  private readonly refused: () => void;

  /** at is the place from which on events are wanted; on gets them; refused is called when the agent will not answer. */
  constructor(at: string, on: (event: EventName, data: unknown) => void, refused: () => void) {
    this.at = at;
    this.on = on;
    this.refused = refused;
    this.connect();
    window.addEventListener("online", this.again);
    document.addEventListener("visibilitychange", this.again);
  }

  close() {
    window.clearTimeout(this.timer);
    window.removeEventListener("online", this.again);
    document.removeEventListener("visibilitychange", this.again);
    this.source?.close();
  }

  /** restart begins anew from a place, after a reset. */
  restart(at: string) {
    this.at = at;
    this.source?.close();
    this.connect();
  }

  private again = () => {
    if (document.visibilityState === "visible" && !this.open) {
      this.tries = 0;
      this.restart(this.at);
    }
  };

  private connect() {
    window.clearTimeout(this.timer);
    const source = new EventSource(`${root}/stream?since=${encodeURIComponent(this.at)}`);
    this.source = source;
    source.onopen = () => {
      this.open = true;
      this.tries = 0;
      this.heard = Date.now() / 1000;
    };
    source.onerror = () => {
      if (this.source !== source) return;
      if (this.open) this.lost = Date.now() / 1000;
      this.open = false;
      if (source.readyState !== EventSource.CLOSED) return;
      this.refused();
      this.timer = window.setTimeout(() => this.connect(), delay(this.tries++));
    };
    for (const name of events) {
      source.addEventListener(name, (e) => {
        if (this.source !== source) return;
        this.heard = Date.now() / 1000;
        const m = e as MessageEvent<string>;
        if (m.lastEventId) this.at = m.lastEventId;
        let data: unknown;
        try {
          data = JSON.parse(m.data);
        } catch {
          return;
        }
        this.on(name, data);
      });
    }
  }
}
