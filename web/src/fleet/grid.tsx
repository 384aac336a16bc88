import { memo, type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import { shownRevision, type Target } from "../live/fleet.ts";
import { Glyph, Icon } from "../parts/glyph.tsx";
import { appPath } from "../parts/link.tsx";
import { agoText, fullText, useNow } from "../parts/time.tsx";
import { useSlots, useWindow } from "../parts/window.ts";
import { go } from "../router.tsx";
import { address, count, plural, secondsOf, severity, word } from "../words.ts";
import type { Column, Head, Item, Line } from "./model.ts";

type Props = {
  scroll: RefObject<HTMLDivElement | null>;
  columns: Column[];
  items: Item[];
  namespaces: boolean; // are told: there are several
  selected: string | undefined;
  onSelect: (id: string) => void;
  onHold: (held: boolean) => void;
  onFold: (env: string) => void;
};

export const rowHeight = 36;
const headHeight = 40;

/**
 * Grid is the matrix. Only the lines in sight are drawn. The grid itself has the focus; the cell that keys speak to is its active
 * descendant, so that lines may come and go while somebody moves.
 */
export function Grid(p: Props) {
  const { scroll, columns, items } = p;
  const grid = useRef<HTMLDivElement>(null);
  const [margin, setMargin] = useState(0);
  useLayoutEffect(() => {
    // What stands above changes its height: the counters wrap, trouble comes and goes.
    const measure = () => setMargin(grid.current?.offsetTop ?? 0);
    measure();
    const watch = new ResizeObserver(measure);
    for (const e of scroll.current?.children ?? []) watch.observe(e);
    return () => watch.disconnect();
  }, [scroll]);
  const drawn = useWindow(scroll, { count: items.length, line: rowHeight, top: margin + headHeight, above: headHeight + 8 });
  const [active, setActive] = useState<{ key: string; col: number } | undefined>();
  const [focused, setFocused] = useState(false);
  const now = useNow(true);
  const shown = items.slice(drawn.from, drawn.to);
  const slots = useSlots(
    drawn.from,
    shown.map((item) => item.key),
  );
  const move = useMoves(p, drawn.show, active, setActive);
  useHold(grid, focused && !!active, p.onHold);

  const template = `minmax(200px, 340px) repeat(${columns.length}, minmax(var(--cell), 190px)) minmax(72px, 1fr)`;
  const click = useCallback(
    (e: React.MouseEvent) => {
      if (e.metaKey || e.ctrlKey || e.shiftKey || e.button) return;
      const a = (e.target as Element).closest<HTMLAnchorElement>("a[data-id]");
      if (!a) return;
      e.preventDefault();
      if (a.dataset.page) go(appPath(a.dataset.id!));
      else p.onSelect(a.dataset.id!);
    },
    [p.onSelect],
  );
  return (
    <div
      ref={grid}
      role="grid"
      tabIndex={0}
      className="grid"
      aria-label="Apps by environment"
      aria-rowcount={items.length + 1}
      aria-colcount={columns.length + 2}
      aria-activedescendant={active && focused ? cellId(active.key, active.col) : undefined}
      onKeyDown={move}
      onFocus={() => {
        setFocused(true);
        setActive((a) => a ?? first(items, p.selected));
      }}
      onBlur={() => setFocused(false)}
      onClick={click}
      onPointerMove={explain}
      onPointerOut={(e) => pointed(e)?.removeAttribute("title")}
      style={{ "--columns": template } as React.CSSProperties}
    >
      <div className="grid-head" role="row" aria-rowindex={1}>
        <span role="columnheader" className="grid-app">
          App
        </span>
        {columns.map((c) => (
          <ColumnHead key={c.key} column={c} onFold={p.onFold} />
        ))}
        <span role="columnheader" className="grid-last">
          Changed
        </span>
      </div>
      <div className="grid-body" role="rowgroup" style={{ height: items.length * rowHeight }}>
        {shown.map((item, i) => {
          const index = drawn.from + i;
          if (item.kind === "head") return <GroupHead key={slots[i]} head={item} index={index} columns={columns.length} />;
          return (
            <Row
              key={slots[i]}
              line={item}
              version={item.version}
              columns={columns}
              namespaces={p.namespaces}
              index={index}
              ago={agoText(item.changed, now)}
              bare={drawn.fast}
              active={focused && active?.key === item.key ? active.col : -1}
              selected={p.selected && item.cells.some((cell) => cell.some((t) => t.id === p.selected)) ? p.selected : undefined}
            />
          );
        })}
      </div>
    </div>
  );
}

function GroupHead({ head, index, columns }: { head: Head; index: number; columns: number }) {
  return (
    <div role="row" aria-rowindex={index + 2} className="grid-group" style={{ top: index * rowHeight }}>
      <span role="gridcell" aria-colspan={columns + 2} className="line">
        <Glyph state={head.worst} /> <b>{word(head.title) === "unknown" && head.title !== "unknown" ? head.title : word(head.title)}</b>
        <span className="dim num">{plural(head.n, "app")}</span>
      </span>
    </div>
  );
}

/** pointed is what is pointed at, if it has more to say than stands there. */
const pointed = (e: React.PointerEvent): HTMLElement | null => (e.target as Element).closest<HTMLElement>(".grid-cell a, time");

/** explain gives what is pointed at its tooltip: nobody sees one of all the others. A row may be another line's meanwhile. */
function explain(e: React.PointerEvent) {
  const at = pointed(e);
  if (at) at.title = at instanceof HTMLTimeElement ? fullText(secondsOf(at.dateTime)) : (at.ariaLabel ?? "");
}

const cellId = (key: string, col: number): string => `cell ${key} ${col}`.replaceAll(/[^a-zA-Z0-9-]/g, "_");

function first(items: Item[], selected: string | undefined): { key: string; col: number } | undefined {
  for (const i of items) {
    if (i.kind !== "line") continue;
    const col = i.cells.findIndex((cell) => cell.some((t) => t.id === selected));
    if (col >= 0) return { key: i.key, col: col + 1 };
  }
  const line = items.find((i) => i.kind === "line");
  return line?.kind === "line" ? { key: line.key, col: line.cells.indexOf(worstCell(line)) + 1 } : undefined;
}

const worstCell = (l: Line): Target[] =>
  l.cells.reduce(
    (w, c) =>
      c.length && (!w.length || Math.min(...c.map((t) => severity(t.state))) < Math.min(...w.map((t) => severity(t.state)))) ? c : w,
    [] as Target[],
  );

/** worst is the target of a cell that is opened: the gravest. */
const worst = (cell: Target[]): Target | undefined =>
  cell.reduce<Target | undefined>((w, t) => (!w || severity(t.state) < severity(w.state) ? t : w), undefined);

function useMoves(
  p: Props,
  show: (line: number) => void,
  active: { key: string; col: number } | undefined,
  setActive: (a: { key: string; col: number }) => void,
) {
  return (e: React.KeyboardEvent) => {
    if (e.metaKey || e.ctrlKey || e.altKey || (e.target as Element) !== e.currentTarget) return;
    const { items, columns } = p;
    const at = active ? items.findIndex((i) => i.key === active.key) : -1;
    const page = Math.max(1, Math.floor((p.scroll.current?.clientHeight ?? 400) / rowHeight) - 3);
    const rows: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1, PageDown: page, PageUp: -page };
    const cols: Record<string, number> = { ArrowRight: 1, ArrowLeft: -1, Home: -99, End: 99 };
    if (e.key in rows) {
      const to = step(items, at, rows[e.key]!);
      if (to >= 0) {
        setActive({ key: items[to]!.key, col: active?.col ?? 1 });
        show(to);
      }
    } else if (e.key in cols && active) {
      setActive({ key: active.key, col: Math.max(0, Math.min(columns.length, active.col + cols[e.key]!)) });
    } else if ((e.key === "Enter" || e.key === "o") && at >= 0) {
      const item = items[at]!;
      if (item.kind !== "line") return;
      const target = worst(active!.col > 0 ? (item.cells[active!.col - 1] ?? []) : worstCell(item));
      if (!target) return;
      if (e.key === "o") go(appPath(target.id));
      else p.onSelect(target.id);
    } else return;
    e.preventDefault();
  };
}

/** step goes so many lines on, over the heads of groups. */
function step(items: Item[], from: number, by: number): number {
  let to = Math.max(0, Math.min(items.length - 1, from + by));
  while (items[to] && items[to]!.kind === "head") to += by > 0 ? 1 : -1;
  return items[to] ? to : from;
}

/** useHold tells whether somebody points at a line or has chosen one by keys. */
function useHold(grid: RefObject<HTMLDivElement | null>, chosen: boolean, onHold: (held: boolean) => void) {
  const over = useRef(false);
  useEffect(() => {
    const e = grid.current!;
    let timer = 0;
    const enter = () => {
      window.clearTimeout(timer);
      over.current = true;
      onHold(true);
    };
    const leave = () => {
      timer = window.setTimeout(() => {
        over.current = false;
        onHold(chosen);
      }, 400);
    };
    onHold(chosen || over.current);
    e.addEventListener("pointerenter", enter);
    e.addEventListener("pointerleave", leave);
    return () => {
      window.clearTimeout(timer);
      e.removeEventListener("pointerenter", enter);
      e.removeEventListener("pointerleave", leave);
    };
  }, [grid, chosen, onHold]);
}

function ColumnHead({ column, onFold }: { column: Column; onFold: (env: string) => void }) {
  const cluster = column.cluster && column.cluster !== "local" ? column.cluster : "";
  const text = (
    <>
      <b className="cut">{column.env || cluster || "default"}</b> {column.env && cluster && <small className="cut">{cluster}</small>}
      {column.folded && <small>{plural(column.clusters.length, "cluster")}</small>}
    </>
  );
  return (
    <span role="columnheader" className="grid-env">
      {column.folded || (column.env && cluster) ? (
        <button
          type="button"
          tabIndex={-1}
          className="grid-fold"
          onClick={() => onFold(column.env)}
          aria-label={
            column.folded
              ? `${column.env} ${plural(column.clusters.length, "cluster")}: show each`
              : `${column.env} ${cluster}: fold the clusters of ${column.env}`
          }
        >
          {text}
          <Icon name={column.folded ? "right" : "down"} />
        </button>
      ) : (
        text
      )}
    </span>
  );
}

type RowProps = {
  line: Line;
  version: number; // of the line: it changes in place
  columns: Column[];
  namespaces: boolean;
  index: number;
  ago: string; // when it changed last
  bare: boolean; // only its name: nobody can read more
  active: number;
  selected: string | undefined;
};

/** Row is an app. One that says what it said is not drawn anew. */
const Row = memo(function Row({ line, columns, namespaces, index, ago, bare, active, selected }: RowProps) {
  const main = worst(worstCell(line)) ?? line.newest;
  return (
    <div role="row" aria-rowindex={index + 2} className="grid-row" style={{ top: index * rowHeight }}>
      <span role="rowheader" id={active === 0 ? cellId(line.key, 0) : undefined} className={active === 0 ? "grid-app active" : "grid-app"}>
        <a href={appPath(main.id)} data-id={main.id} data-page="1" tabIndex={-1} className="cut">
          {line.app}
        </a>
        {namespaces && <span className="dim cut grid-ns">{line.namespace}</span>}
      </span>
      {!bare &&
        line.cells.map((cell, i) => {
          const key = columns[i]!.key;
          const id = active === i + 1 ? cellId(line.key, i + 1) : undefined;
          return cell.length ? (
            <Cell key={key} id={id} cell={cell} folded={columns[i]!.folded} selected={selected} />
          ) : (
            <span key={key} role="gridcell" id={id} className={id ? "grid-cell none active" : "grid-cell none"} aria-label="not there" />
          );
        })}
      {!bare && (
        <span role="gridcell" className="grid-last dim num">
          {line.changed ? <time dateTime={new Date(line.changed * 1000).toISOString()}>{ago}</time> : "–"}
        </span>
      )}
    </div>
  );
});

type CellProps = { id: string | undefined; cell: Target[]; folded: boolean; selected: string | undefined };

/** Cell is an app in one environment on one cluster, or on several. It has an id while keys speak to it. */
function Cell({ id, cell, folded, selected }: CellProps) {
  const t = worst(cell)!;
  const revision = shownRevision(t);
  const ok = folded ? cell.filter((x) => x.state === "ok").length : 0;
  const label = folded
    ? `${t.app}, ${t.env}: ${plural(ok, "cluster")} of ${count(cell.length)} ok; worst ${word(t.state)} on ${t.cluster}`
    : `${address(t)}: ${word(t.state)}${revision ? ` at ${revision}` : ""}${t.why ? `, ${t.why}` : ""}`;
  const chosen = selected && cell.some((x) => x.id === selected) ? " chosen" : "";
  return (
    <span role="gridcell" id={id} className={`grid-cell c-${t.state}${id ? " active" : ""}${chosen}`}>
      <a href={appPath(t.id)} data-id={t.id} tabIndex={-1} aria-label={label}>
        <Glyph state={t.state} />
        {folded ? `${ok}/${cell.length}` : revision || "–"}
      </a>
    </span>
  );
}
