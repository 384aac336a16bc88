import { useQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, useState } from "react";
import { url } from "../api/client.ts";
import { resources } from "../api/queries.ts";
import type { LogLine, Verdict } from "../api/types.ts";
import { Empty } from "../parts/empty.tsx";
import { Find } from "../parts/find.tsx";
import { useAddress } from "../router.tsx";
import { count } from "../words.ts";
import { keep, passes } from "./lines.ts";

/** Logs streams what the app's pods write. */
export default function Logs({ id, can }: { id: string; can: Verdict | undefined }) {
  const [search, change] = useAddress();
  const nodes = useQuery(resources(id));
  const pods = useMemo(() => (nodes.data?.nodes ?? []).filter((n) => n.kind === "Pod").map((n) => n.name), [nodes.data]);
  const may = can?.ok !== false;
  const stream = useLog(id, search.pod ?? "", search.container ?? "", may);
  const [q, setQ] = useState(search.q ?? "");
  const [follow, setFollow] = useState(true);
  const shown = useMemo(() => stream.lines.filter((l) => passes(l, q)), [stream.lines, q]);
  const several = !search.pod && new Set(stream.lines.map((l) => l.pod)).size > 1;
  if (!may)
    return (
      <Empty title="You may not read logs here" state="unknown">
        <p>{can?.why}</p>
      </Empty>
    );
  return (
    <div className="logs">
      <div className="filters">
        <select className="field" aria-label="Pod" value={search.pod ?? ""} onChange={(e) => change({ pod: e.target.value || undefined })}>
          <option value="">All pods</option>
          {pods.map((p) => (
            <option key={p}>{p}</option>
          ))}
        </select>
        <Find
          label="Show only lines with these words"
          hint="Filter lines"
          value={q}
          onChange={(text) => {
            setQ(text);
            change({ q: text }, true);
          }}
        />
        <button type="button" className="button small" aria-pressed={follow} onClick={() => setFollow(!follow)}>
          Follow
        </button>
        <span className="dim num" role="status">
          {count(shown.length)} lines{stream.state === "ended" ? ", ended" : ""}
          {stream.error ? `: ${stream.error}` : ""}
        </span>
      </div>
      {shown.length ? (
        <Lines lines={shown} several={several} follow={follow} onScrollUp={() => setFollow(false)} />
      ) : (
        <Empty
          title={
            stream.lines.length
              ? "No line has these words"
              : stream.state === "ended"
                ? "The pods have written nothing"
                : "Waiting for lines"
          }
          state="waiting"
        >
          <p>{stream.error || (pods.length ? "What the pods write appears here as they write it." : "The app has no pods now.")}</p>
        </Empty>
      )}
    </div>
  );
}

type Log = { lines: LogLine[]; state: "open" | "ended"; error: string };

function useLog(id: string, pod: string, container: string, on: boolean): Log {
  const [log, setLog] = useState<Log>({ lines: [], state: "open", error: "" });
  useEffect(() => {
    if (!on) return;
    setLog({ lines: [], state: "open", error: "" });
    const source = new EventSource(url(["apps", ...id.split("/"), "logs"], { pod, container, follow: true, tail: 500 }));
    let fresh: LogLine[] = [];
    source.onopen = () => {
      fresh = [];
      setLog({ lines: [], state: "open", error: "" }); // after a break the tail is sent again
    };
    let frame = 0;
    const flush = () => {
      frame = 0;
      const more = fresh;
      fresh = [];
      setLog((l) => ({ ...l, lines: keep(l.lines, more) }));
    };
    source.addEventListener("line", (e) => {
      fresh.push(JSON.parse((e as MessageEvent<string>).data) as LogLine);
      if (!frame) frame = requestAnimationFrame(flush);
    });
    const end = (error: string) => {
      source.close();
      setLog((l) => ({ ...l, state: "ended", error }));
    };
    source.addEventListener("end", (e) => {
      let why = "";
      try {
        why = (JSON.parse((e as MessageEvent<string>).data) as { message?: string }).message ?? "";
      } catch {}
      end(why);
    });
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) end("the stream was closed");
    };
    return () => {
      source.close();
      cancelAnimationFrame(frame);
    };
  }, [id, pod, container, on]);
  return log;
}

function Lines({ lines, several, follow, onScrollUp }: { lines: LogLine[]; several: boolean; follow: boolean; onScrollUp: () => void }) {
  const scroll = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({ count: lines.length, getScrollElement: () => scroll.current, estimateSize: () => 20, overscan: 30 });
  useEffect(() => {
    if (follow && lines.length) virtual.scrollToIndex(lines.length - 1, { align: "end" });
  }, [follow, lines.length, virtual]);
  return (
    <div
      className="log-scroll"
      ref={scroll}
      tabIndex={0}
      role="log"
      aria-live="off"
      aria-label="Log lines"
      onWheel={(e) => {
        if (e.deltaY < 0) onScrollUp();
      }}
    >
      <div style={{ height: virtual.getTotalSize(), position: "relative" }}>
        {virtual.getVirtualItems().map((v) => {
          const l = lines[v.index]!;
          return (
            <div
              key={v.index}
              ref={virtual.measureElement}
              data-index={v.index}
              className="log-line"
              style={{ transform: `translateY(${v.start}px)` }}
            >
              <span className="dimmer">{l.time?.slice(11, 19)}</span>
              {several && <span className="log-pod">{l.pod}</span>}
              <span className="log-text">{l.text}</span>
            </div>
          );
        })}
      </div>
    </div>
  );
}
