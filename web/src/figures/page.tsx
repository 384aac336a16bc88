import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { figures } from "../api/queries.ts";
import type { Figures } from "../api/types.ts";
import { useLive, useOfFleet } from "../live/connection.tsx";
import { Empty, FaultCard, Waiting } from "../parts/empty.tsx";
import { Clock } from "../parts/time.tsx";
import { useTitle } from "../parts/title.ts";
import { useAddress } from "../router.tsx";
import { plural, span } from "../words.ts";
import { Bars, Lines } from "./chart.tsx";

const spans = ["7", "30", "90"] as const;

/** FiguresPage has the four figures by which deliveries are compared: how long, how often, how many fail, how soon it is well again. */
export function FiguresPage() {
  const [search, set] = useAddress();
  const { fleet } = useLive();
  const structure = useOfFleet((f) => f.structure);
  const days = spans.includes(search.days as "7") ? search.days! : "30";
  const view = useQuery({ ...figures({ days, app: search.app, env: search.env }), placeholderData: (old) => old });
  useTitle(`Figures${search.app ? ` of ${search.app}` : ""}`);
  const apps = useMemo(() => [...new Set(fleet.targets.map((t) => t.app))].sort(), [fleet, structure]);
  if (view.error && !view.data) return <FaultCard error={view.error} />;
  const f = view.data;
  return (
    <div className="page">
      <header className="page-head">
        <h1>Figures</h1>
        <div className="filters">
          <input
            className="field"
            list="apps"
            aria-label="App"
            placeholder="All apps"
            defaultValue={search.app ?? ""}
            key={search.app}
            onChange={(e) => (apps.includes(e.target.value) || !e.target.value) && set({ app: e.target.value }, true)}
          />
          <datalist id="apps">
            {apps.slice(0, 500).map((a) => (
              <option key={a} value={a} />
            ))}
          </datalist>
          {fleet.envs.filter(Boolean).length > 0 && (
            <select
              className="field quiet"
              aria-label="Environment"
              value={search.env ?? ""}
              onChange={(e) => set({ env: e.target.value })}
            >
              <option value="">Every environment</option>
              {fleet.envs.filter(Boolean).map((e) => (
                <option key={e}>{e}</option>
              ))}
            </select>
          )}
          <span className="segments" role="group" aria-label="Span">
            {spans.map((s) => (
              <button key={s} type="button" aria-pressed={s === days} onClick={() => set({ days: s === "30" ? undefined : s })}>
                {s} days
              </button>
            ))}
          </span>
        </div>
      </header>
      {!f ? (
        <Waiting what="reading figures" />
      ) : !f.deploys ? (
        <Empty title="No deployment in this time" state="waiting">
          <p>Each commit that reaches an app counts. Push one, or choose a longer span.</p>
        </Empty>
      ) : (
        <Shown f={f} />
      )}
    </div>
  );
}

function Shown({ f }: { f: Figures }) {
  const days = f.buckets;
  return (
    <>
      {f.leftOut && (
        <p className="dim">
          Known since <Clock at={f.since} />: of what came before, nothing is remembered. It is not in these figures.
        </p>
      )}
      <div className="figures">
        <section className="card figure">
          <h2>From commit to healthy</h2>
          <p className="figure-n">{f.leadP50 === undefined ? "–" : span(f.leadP50)}</p>
          <p className="dim">
            half of the deploys took no longer{f.leadP95 !== undefined && <>; 95 of 100 no longer than {span(f.leadP95)}</>}
          </p>
          <Lines
            label="From commit to healthy, per day: median, and 95th percentile"
            days={days.map((d) => d.day)}
            series={[
              { name: "median", values: days.map((d) => d.leadP50), tone: "rolling" },
              { name: "95 %", values: days.map((d) => d.leadP95), tone: "waiting", dashed: true },
            ]}
            format={span}
          />
        </section>
        <section className="card figure">
          <h2>Deploys</h2>
          <p className="figure-n">{f.perDay.toFixed(f.perDay < 10 ? 1 : 0)} a day</p>
          <p className="dim">
            {plural(f.deploys, "deploy")} of an app in {plural(f.days, "day")}
          </p>
          <Bars
            label="Deploys per day, failed ones apart"
            days={days.map((d) => d.day)}
            total={days.map((d) => d.deploys)}
            part={days.map((d) => d.failed)}
            names={["ok", "failed or taken back"]}
          />
        </section>
        <section className="card figure">
          <h2>Changes that failed</h2>
          <p className="figure-n">
            {f.failureRate === undefined ? "–" : `${(f.failureRate * 100).toFixed(f.failureRate < 0.1 ? 1 : 0)} %`}
          </p>
          <p className="dim">
            {f.failed} of {plural(f.deploys, "deploy")} failed for a time or for good
            {f.reverted > 0 && `, ${f.reverted} of them taken back`}
          </p>
          <Bars
            label="Failed deploys per day"
            days={days.map((d) => d.day)}
            total={days.map((d) => d.failed)}
            part={days.map((d) => d.failed)}
            names={["", "failed or taken back"]}
          />
        </section>
        <section className="card figure">
          <h2>Well again after a failure</h2>
          <p className="figure-n">{f.recoveryP50 === undefined ? "–" : span(f.recoveryP50)}</p>
          <p className="dim">
            {f.recovered
              ? `half of ${plural(f.recovered, "recovery", "recoveries")} took no longer`
              : f.failed
                ? "none has recovered yet"
                : "nothing has failed"}
          </p>
        </section>
      </div>
    </>
  );
}
