import { useQuery } from "@tanstack/react-query";
import { useMemo, useRef, useState } from "react";
import { resources } from "../api/queries.ts";
import type { Node } from "../api/types.ts";
import { Empty, FaultCard, Waiting } from "../parts/empty.tsx";
import { Find } from "../parts/find.tsx";
import { Glyph, Icon } from "../parts/glyph.tsx";
import { Ago } from "../parts/time.tsx";
import { useWindow } from "../parts/window.ts";
import { useAddress } from "../router.tsx";
import { useKeys } from "../shell/keys.ts";
import { plural } from "../words.ts";
import { ObjectPanel } from "./object.tsx";
import { type Placed, placed, stateOfHealth } from "./tree.ts";

/** Resources is every object of the app and what they have made, down to pods: as a table, or as a tree of owners. */
export default function Resources({ id }: { id: string }) {
  const all = useQuery(resources(id));
  const [search, change] = useAddress();
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const tree = search.view === "tree";
  const q = search.q ?? "";
  const idleShown = search.idle === "1";
  const nodes = all.data?.nodes;
  const laid = useMemo(() => placed(nodes ?? [], { tree, q, closed, idle: idleShown }), [nodes, tree, q, closed, idleShown]);
  const selected = nodes?.find((n) => n.key === search.o);
  useKeys({ ...(search.o ? { Escape: () => change({ o: undefined }) } : {}), t: () => change({ view: tree ? undefined : "tree" }) });
  if (all.error && !nodes) return <FaultCard error={all.error} />;
  if (!nodes) return <Waiting what="reading the objects" />;
  if (!nodes.length)
    return (
      <Empty title="No objects yet" state="waiting">
        <p>Nothing of this app has been applied. The overview says what it waits for.</p>
      </Empty>
    );
  const toggle = (key: string) =>
    setClosed((c) => {
      const next = new Set(c);
      if (!next.delete(key)) next.add(key);
      return next;
    });
  return (
    <div className={`resources ${selected ? "beside" : ""}`}>
      <div className="resources-list">
        <div className="filters">
          <span className="segments" role="group" aria-label="Shape">
            <button type="button" aria-pressed={!tree} onClick={() => change({ view: undefined })}>
              Table
            </button>
            <button type="button" aria-pressed={tree} onClick={() => change({ view: "tree" })}>
              Tree
            </button>
          </span>
          <Find
            label="Search objects by kind, name, health"
            hint="Kind, name, health"
            value={q}
            onChange={(text) => change({ q: text }, true)}
          />
          <span className="dim num">
            {laid.rows.length === nodes.length
              ? plural(nodes.length, "object")
              : `${laid.rows.length} of ${plural(nodes.length, "object")}`}
          </span>
          {laid.idle > 0 && (
            <button
              type="button"
              className="button plain small"
              aria-pressed={idleShown}
              onClick={() => change({ idle: idleShown ? undefined : "1" })}
            >
              {idleShown ? "hide" : "show"} {plural(laid.idle, "old ReplicaSet")}
            </button>
          )}
        </div>
        {all.data?.truncated && (
          <p className="note-line" role="status">
            These are the first {plural(nodes.length, "object")}: the app has more, or has more than 5,000 of a kind in one namespace. What
            is cut is not searched either; kubectl shows it.
          </p>
        )}
        <Nodes rows={laid.rows} tree={tree} selected={search.o} onSelect={(key) => change({ o: key })} onToggle={toggle} />
      </div>
      {selected && <ObjectPanel id={id} node={selected} onClose={() => change({ o: undefined })} />}
    </div>
  );
}

const height = 34;
const headHeight = 32;

type NodesProps = {
  rows: Placed[];
  tree: boolean;
  selected: string | undefined;
  onSelect: (key: string) => void;
  onToggle: (key: string) => void;
};

function Nodes({ rows, tree, selected, onSelect, onToggle }: NodesProps) {
  const scroll = useRef<HTMLDivElement>(null);
  const drawn = useWindow(scroll, { count: rows.length, line: height, top: headHeight, above: headHeight + 4 });
  const [active, setActive] = useState("");
  const [focused, setFocused] = useState(false);
  const keys = (e: React.KeyboardEvent) => {
    const at = rows.findIndex((r) => r.node.key === active);
    const row = rows[at];
    const to = (i: number) => {
      const r = rows[Math.max(0, Math.min(rows.length - 1, i))];
      if (!r) return;
      setActive(r.node.key);
      drawn.show(rows.indexOf(r));
    };
    const page = Math.max(1, Math.floor((scroll.current?.clientHeight ?? 340) / height) - 1);
    if (e.key === "ArrowDown" || e.key === "j") to(at + 1);
    else if (e.key === "ArrowUp" || e.key === "k") to(at - 1);
    else if (e.key === "PageDown") to(at + page);
    else if (e.key === "PageUp") to(at - page);
    else if (e.key === "Home") to(0);
    else if (e.key === "End") to(rows.length - 1);
    else if (e.key === "ArrowRight" && row?.children && !row.open) onToggle(active);
    else if (e.key === "ArrowLeft" && row?.children && row.open) onToggle(active);
    else if (e.key === "Enter" && row) onSelect(active);
    else return;
    e.preventDefault();
  };
  const rowId = (key: string) => `node ${key}`.replaceAll(/[^a-zA-Z0-9-]/g, "_");
  return (
    <div className="nodes-scroll" ref={scroll}>
      <div
        className={`nodes ${tree ? "tree" : ""}`}
        role="treegrid"
        tabIndex={0}
        aria-label="Objects"
        aria-rowcount={rows.length + 1}
        aria-activedescendant={focused && active ? rowId(active) : undefined}
        onFocus={() => {
          setFocused(true);
          setActive((a) => a || selected || rows[0]?.node.key || "");
        }}
        onBlur={() => setFocused(false)}
        onKeyDown={keys}
      >
        <div role="row" className="node node-head" aria-rowindex={1}>
          <span role="columnheader">Object</span>
          <span role="columnheader">Health</span>
          <span role="columnheader" className="node-message">
            What it says
          </span>
          <span role="columnheader" className="node-age">
            Age
          </span>
        </div>
        <div role="rowgroup" style={{ height: rows.length * height, position: "relative" }}>
          {rows.slice(drawn.from, drawn.to).map((r, i) => {
            const n = r.node;
            const index = drawn.from + i;
            return (
              // biome-ignore lint/a11y/useKeyWithClickEvents: keys are the list's
              <div
                key={n.key}
                id={rowId(n.key)}
                role="row"
                aria-rowindex={index + 2}
                aria-level={r.level + 1}
                aria-expanded={r.children ? r.open : undefined}
                aria-selected={n.key === selected}
                className={`node ${focused && active === n.key ? "active" : ""}`}
                style={{ transform: `translateY(${index * height}px)`, position: "absolute" }}
                onClick={() => onSelect(n.key)}
              >
                <span role="gridcell" className="node-name" style={{ paddingLeft: r.level * 20 }}>
                  {tree && (
                    <button
                      type="button"
                      tabIndex={-1}
                      className={`node-fold ${r.children ? "" : "leaf"}`}
                      aria-label={r.open ? "fold" : "unfold"}
                      onClick={(e) => {
                        e.stopPropagation();
                        if (r.children) onToggle(n.key);
                      }}
                    >
                      {r.children ? <Icon name={r.open ? "down" : "right"} /> : null}
                    </button>
                  )}
                  <span className="dim node-kind">{n.kind}</span>
                  <b className="cut">{n.name}</b>
                  {n.namespace && !r.level && <span className="dim cut node-ns">{n.namespace}</span>}
                </span>
                <Health node={n} />
                <span role="gridcell" className="dim cut node-message" title={n.message}>
                  {n.hidden ? `hidden: ${n.hidden}` : n.message}
                </span>
                <span role="gridcell" className="dim node-age">
                  <Ago at={n.created} suffix="" />
                </span>
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

function Health({ node }: { node: Node }) {
  const state = stateOfHealth(node);
  return (
    <span role="gridcell" className={`line s-${state}`}>
      <Glyph state={state} />
      {node.drifted ? "drifted" : node.health || "–"}
    </span>
  );
}
