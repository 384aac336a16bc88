import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { lazy, Suspense } from "react";
import { app } from "../api/queries.ts";
import type { AppView, HistoryRow, Row } from "../api/types.ts";
import { FaultCard, Waiting } from "../parts/empty.tsx";
import { Glyph, StatePill } from "../parts/glyph.tsx";
import { appPath, Commit, To } from "../parts/link.tsx";
import { useStrip } from "../parts/strip.ts";
import { Ago, Clock } from "../parts/time.tsx";
import { useTitle } from "../parts/title.ts";
import { go } from "../router.tsx";
import { useKeys } from "../shell/keys.ts";
import { address, asState, between, plural, short, sign, span, word } from "../words.ts";
import { Actions } from "./actions.tsx";
import { Cause, DriftLine, Where } from "./cause.tsx";

const Resources = lazy(() => import("./resources.tsx"));
const History = lazy(() => import("./history.tsx"));
const Events = lazy(() => import("./events.tsx"));
const Logs = lazy(() => import("./logs.tsx"));

const tabs = [
  { tab: "", name: "Overview", key: "v" },
  { tab: "resources", name: "Resources", key: "r" },
  { tab: "drift", name: "Drift", key: "d" },
  { tab: "history", name: "History", key: "h" },
  { tab: "events", name: "Events", key: "e" },
  { tab: "logs", name: "Logs", key: "l" },
] as const;

/** AppPage is one app in one environment: what is the matter and what to do, then everything else behind a tab. */
export function AppPage() {
  const p = useParams({ strict: false }) as { namespace: string; name: string; tab?: string };
  const id = `${p.namespace}/${p.name}`;
  const tab = p.tab === "diff" ? "drift" : (p.tab ?? "");
  const view = useQuery(app(id));
  const row = view.data?.row;
  useTitle(row ? `${sign(row.state)} ${address(row)}${tab ? ` ${tab}` : ""}` : id);
  useKeys({
    ...Object.fromEntries(tabs.map((t) => [t.key, () => go(appPath(id, t.tab))])),
    Escape: () => go("/"),
  });
  if (view.error && !view.data) return <FaultCard error={view.error} />;
  if (!view.data || !row) return <Waiting what="reading the app" />;
  return (
    <div className="app">
      <header className="app-head">
        <div className="line wrap app-title">
          <h1 className="cut">
            {row.app}
            <span className="dim"> {[row.env, row.cluster !== "local" ? row.cluster : ""].filter(Boolean).join(" · ")}</span>
          </h1>
          <StatePill state={row.state} />
          {row.since && (
            <span className="dim">
              since <Clock at={row.since} />
            </span>
          )}
          <span className="grow" />
          <Actions row={row} can={view.data.can} />
        </div>
        <Lane row={row} siblings={view.data.siblings ?? []} tab={tab} />
        <Tabs row={row} tab={tab} />
      </header>
      <Suspense fallback={<Waiting lines={4} />}>
        {tab === "resources" ? (
          <Resources id={id} />
        ) : tab === "drift" ? (
          <DriftTab view={view.data} />
        ) : tab === "history" ? (
          <History id={id} repo={row.repo} />
        ) : tab === "events" ? (
          <Events id={id} can={view.data.can?.events} />
        ) : tab === "logs" ? (
          <Logs id={id} can={view.data.can?.logs} />
        ) : (
          <Overview view={view.data} />
        )}
      </Suspense>
    </div>
  );
}

function Tabs({ row, tab }: { row: Row; tab: string }) {
  const strip = useStrip(tab);
  return (
    <nav ref={strip} className="tabs" aria-label="Parts of the app">
      {tabs.map((t) => (
        <To key={t.tab} href={appPath(row.id, t.tab)} aria-current={t.tab === tab ? "page" : undefined}>
          {t.name}
          {t.tab === "drift" && row.objects.drifted > 0 && <span className="tally drift">{row.objects.drifted}</span>}
          {t.tab === "resources" && row.objects.total > 0 && <span className="tally">{row.objects.total}</span>}
        </To>
      ))}
    </nav>
  );
}

/** Lane is the same app everywhere else, in the order of promotion. */
function Lane({ row, siblings, tab }: { row: Row; siblings: Row[]; tab: string }) {
  const all = siblings.some((s) => s.id === row.id) ? siblings : [...siblings, row];
  if (all.length < 2) return null;
  return (
    <nav className="lane" aria-label={`${row.app} elsewhere, in the order of promotion`}>
      <ol>
        {all.map((s, i) => (
          <li key={s.id}>
            {i > 0 && <span className={`lane-arrow ${all[i - 1]!.env === s.env ? "same" : ""}`} aria-hidden="true" />}
            <To
              href={appPath(s.id, tab)}
              className={`lane-stop c-${asState(s.state)}`}
              aria-current={s.id === row.id ? "true" : undefined}
              title={s.summary}
            >
              <Glyph state={s.state} />
              <span>
                <b>{s.env || (s.cluster !== "local" ? s.cluster : "default")}</b>
                {s.env && s.cluster !== "local" && <span className="dim"> {s.cluster}</span>}
                <span className="sr">, {word(s.state)}</span>
              </span>
              <code className="dim">{short(s.revision) || "–"}</code>
            </To>
          </li>
        ))}
      </ol>
    </nav>
  );
}

function Overview({ view }: { view: AppView }) {
  const { row, app } = view;
  const st = app.status ?? {};
  const open = (st.drift ?? []).filter((d) => !d.healed);
  const newest = st.history?.[0];
  return (
    <div className="app-body two">
      <div className="stack" style={{ gap: 16 }}>
        <section className={`card lead c-${asState(row.state)}`} aria-label="What is the matter">
          <div className="body">
            <Cause view={view} />
          </div>
        </section>
        {newest && <Flight h={newest} row={row} />}
        {st.pending && st.pending.count > 0 && (
          <section className="card">
            <header>
              <h2>Would be done</h2>
              <span className="dim">{plural(st.pending.count, "step")}</span>
            </header>
            <ul className="rows body">
              {st.pending.steps?.map((s) => (
                <li key={s.action + s.object} className="pending">
                  <b>{s.action}</b> <code>{s.object}</code> <span className="dim">{s.why}</span>
                </li>
              ))}
            </ul>
          </section>
        )}
        {open.length > 0 && (
          <section className="card">
            <header>
              <h2>Differs from Git</h2>
              <span className="dim">{plural(open.length, "field")}</span>
            </header>
            <div className="body rows">
              {open.map((d, i) => (
                <DriftLine key={i} d={d} />
              ))}
            </div>
          </section>
        )}
        {view.why && view.why.length > 0 && (
          <details className="card fold">
            <summary>
              <span>
                What <code>plumb why {address(row)}</code> says
              </span>
            </summary>
            <pre className="body" tabIndex={0}>
              {view.why.join("\n")}
            </pre>
          </details>
        )}
      </div>
      <div className="stack" style={{ gap: 16 }}>
        <section className="card">
          <header>
            <h2>Where it stands</h2>
          </header>
          <div className="body">
            <Where view={view} />
          </div>
        </section>
        {st.history && st.history.length > 0 && (
          <section className="card">
            <header>
              <h2>Revisions</h2>
              <To href={appPath(row.id, "history")} className="link end">
                All
              </To>
            </header>
            <ul className="rows">
              {st.history.slice(0, 6).map((h) => (
                <li key={h.revision + h.seen} className="revision">
                  <Glyph state={resultState(h.result)} />
                  <Commit id={h.revision} repo={row.repo} />
                  <span className="dim cut grow">
                    {h.result && h.result !== "ok" ? h.reason || h.result : plural(h.changed, "object")}
                    {took(h)}
                  </span>
                  <Ago at={h.healthy ?? h.applied ?? h.seen} className="dim" suffix="" />
                </li>
              ))}
            </ul>
          </section>
        )}
        {st.warnings && st.warnings.length > 0 && (
          <section className="card">
            <header>
              <h2>Warnings</h2>
            </header>
            <ul className="body bullets">
              {st.warnings.map((w) => (
                <li key={w}>{w}</li>
              ))}
            </ul>
          </section>
        )}
      </div>
    </div>
  );
}

export const resultState = (result: string | undefined): string =>
  ({ ok: "ok", failed: "failed", healed: "ok", held: "waiting", superseded: "waiting" })[result ?? ""] ?? result ?? "rolling";

function took(h: HistoryRow): string {
  const s = between(h.seen, h.healthy);
  return s === undefined ? "" : ` · ${span(s)}`;
}

/** Flight is how far the newest revision has come: seen, planned, applied, healthy. */
function Flight({ h, row }: { h: HistoryRow; row: Row }) {
  const steps = [
    { name: "seen", at: h.seen },
    { name: "planned", at: h.planned },
    { name: "applied", at: h.applied },
    { name: "healthy", at: h.healthy },
  ];
  const failed = row.state === "failed";
  const next = steps.findIndex((s) => !s.at);
  return (
    <section className="card">
      <header>
        <h2>Newest revision</h2>
        <Commit id={h.revision} repo={row.repo} />
        <span className="dim cut">{row.change?.subject}</span>
      </header>
      <ol className="flight body">
        {steps.map((s, i) => {
          const past = steps.slice(0, i).findLast((x) => x.at)?.at;
          const state = s.at ? "ok" : i === next ? (failed ? "failed" : row.state === "ok" ? "ok" : asState(row.state)) : "unknown";
          return (
            <li key={s.name} className={s.at ? "done" : i === next ? `now ${state}` : ""}>
              {s.at || i === next ? <Glyph state={state} /> : <span />}
              <b>{s.name}</b>
              <span className="dim">
                {s.at ? (
                  <>
                    <Clock at={s.at} />
                    {i > 0 && between(past, s.at) !== undefined && <span> · {span(between(past, s.at)!)}</span>}
                  </>
                ) : i === next ? (
                  word(row.state)
                ) : failed ? (
                  "not reached"
                ) : (
                  "not yet"
                )}
              </span>
            </li>
          );
        })}
      </ol>
    </section>
  );
}

function DriftTab({ view }: { view: AppView }) {
  const list = view.app.status?.drift ?? [];
  const open = list.filter((d) => !d.healed);
  const healed = list.filter((d) => d.healed);
  return (
    <div className="app-body">
      <section className="card">
        <header>
          <h2>Differs from Git now</h2>
        </header>
        <div className="body rows">
          {open.map((d, i) => (
            <DriftLine key={i} d={d} />
          ))}
          {!open.length && (
            <p className="dim">Nothing differs: what runs is what Git says{view.row.revision ? ` at ${short(view.row.revision)}` : ""}.</p>
          )}
        </div>
      </section>
      {open.length > 0 && (
        <p className="dim">
          To undo it, restore from Git. To keep it, commit the live value: the field and its file are beside the object, under{" "}
          <To href={appPath(view.row.id, "resources")} className="link">
            Resources
          </To>
          . A field that a controller owns gets an <code>ignore</code> rule with a <code>why</code> in plumb.yaml.
        </p>
      )}
      {healed.length > 0 && (
        <section className="card">
          <header>
            <h2>Undone</h2>
            <span className="dim">the last {plural(healed.length, "correction")}; History has more</span>
          </header>
          <div className="body rows">
            {healed.map((d, i) => (
              <DriftLine key={i} d={d} />
            ))}
          </div>
        </section>
      )}
    </div>
  );
}
