import { QueryClient, useQueryClient } from "@tanstack/react-query";
import { createContext, useCallback, useContext, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { Fault, get } from "../api/client.ts";
import type { Agent, AppsEvent, BeatEvent, FleetSnapshot } from "../api/types.ts";
import { useNow } from "../parts/time.tsx";
import { Fleet } from "./fleet.ts";
import { type EventName, type Pulse, pulseOf, Stream } from "./stream.ts";

export const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 15_000,
      gcTime: 5 * 60_000,
      refetchOnWindowFocus: true,
      retry: (n, error) => n < 3 && (Fault.of(error).status === 0 || Fault.of(error).status >= 500),
    },
  },
});

type Live = { fleet: Fleet; ready: boolean; error: unknown; pulse: () => Pulse; agent: Agent };
const LiveContext = createContext<Live | undefined>(undefined);

/** LiveProvider reads the fleet once and then keeps it true by the stream. Other views are read anew when the stream says so. */
export function LiveProvider({ children }: { children: React.ReactNode }) {
  const queries = useQueryClient();
  const fleet = useMemo(() => new Fleet(), []);
  const stream = useRef<Stream>(undefined);
  const [ready, setReady] = useState(false);
  const [error, setError] = useState<unknown>();
  const [agent, setAgent] = useState<Agent>({});

  useEffect(() => {
    let ended = false;
    let timer = 0;
    const stale = debounced(queries);
    const load = async () => {
      try {
        const f = await get<FleetSnapshot>(["fleet"]);
        if (ended) return;
        fleet.load(f);
        setAgent(f.agent);
        setReady(true);
        setError(undefined);
        const at = `${f.stream}-${f.seq}`;
        if (stream.current) {
          stream.current.restart(at);
          stale("all");
        } else stream.current = new Stream(at, on, refused);
      } catch (e) {
        if (ended) return;
        if (Fault.of(e).status === 401) void queries.invalidateQueries({ queryKey: ["me"] });
        setError(e);
        timer = window.setTimeout(load, 3000);
      }
    };
    const refused = () => void queries.invalidateQueries({ queryKey: ["me"] });
    const on = (event: EventName, data: unknown) => {
      if (event === "apps") {
        const d = data as AppsEvent;
        fleet.apply(d.rows, d.gone);
        for (const r of d.rows) stale("app", r.id);
        stale("drift");
      } else if (event === "beat") {
        const d = (data as BeatEvent).agent;
        stream.current!.silent = d.silent ?? "";
        setAgent((old) => (old.silent === d.silent && old.readOnly === d.readOnly ? old : d));
      } else if (event === "reset") void load();
      else stale(event);
    };
    void load();
    return () => {
      ended = true;
      window.clearTimeout(timer);
      stream.current?.close();
      stream.current = undefined;
    };
  }, [fleet, queries]);

  const pulse = useCallback((): Pulse => {
    const s = stream.current;
    const now = Date.now() / 1000;
    if (!s) return { state: error ? "offline" : "connecting", heard: 0, silent: "" };
    return pulseOf(s.open, s.heard, s.lost, s.silent, now);
  }, [error]);
  const value = useMemo(() => ({ fleet, ready, error, pulse, agent }), [fleet, ready, error, pulse, agent]);
  return <LiveContext value={value}>{children}</LiveContext>;
}

/** debounced collects what became stale, and has it read anew at most three times a second. */
function debounced(queries: QueryClient) {
  const due = new Map<string, unknown[]>();
  let timer = 0;
  return (...key: string[]) => {
    due.set(key.join(" "), key);
    if (timer) return;
    timer = window.setTimeout(() => {
      timer = 0;
      const keys = [...due.values()];
      due.clear();
      if (keys.some((k) => k[0] === "all")) void queries.invalidateQueries();
      else for (const queryKey of keys) void queries.invalidateQueries({ queryKey });
    }, 300);
  };
}

export function useLive(): Live {
  const live = useContext(LiveContext);
  if (!live) throw new Error("there is no LiveProvider above");
  return live;
}

/** useOfFleet gives something small of the fleet as it is, and draws anew only when that is another. */
export function useOfFleet<T extends string | number>(select: (f: Fleet) => T): T {
  const { fleet } = useLive();
  return useSyncExternalStore(fleet.subscribe, () => select(fleet));
}

/** usePulse is how live the page is, looked at every second. */
export function usePulse(): Pulse & { now: number } {
  const { pulse } = useLive();
  const now = useNow();
  return { ...pulse(), now };
}
