import { useQuery } from "@tanstack/react-query";
import { clusters } from "../api/queries.ts";
import type { Cluster } from "../api/types.ts";
import { Empty, FaultCard, Waiting } from "../parts/empty.tsx";
import { Glyph, StatePill } from "../parts/glyph.tsx";
import { To } from "../parts/link.tsx";
import { Ago } from "../parts/time.tsx";
import { useTitle } from "../parts/title.ts";
import { count, word } from "../words.ts";

/** ClustersPage is where the apps run, and whether their agent is well. */
export function ClustersPage() {
  const all = useQuery(clusters);
  const silent = all.data?.find((c) => c.agent?.silent);
  useTitle(silent ? `? ${silent.name} silent` : "Clusters");
  if (all.error && !all.data) return <FaultCard error={all.error} />;
  if (!all.data) return <Waiting what="reading clusters" />;
  return (
    <div className="page">
      <header className="page-head">
        <h1>Clusters</h1>
      </header>
      {!all.data.length && (
        <Empty title="No cluster" state="waiting">
          <p>The agent has not said yet where it runs.</p>
        </Empty>
      )}
      <div className="tiles">
        {all.data.map((c) => (
          <ClusterCard key={c.name} c={c} />
        ))}
      </div>
    </div>
  );
}

function stateOf(c: Cluster): string {
  if (c.agent?.silent) return "unknown";
  return c.checks.some((k) => !k.ok) ? "failed" : "ok";
}

function ClusterCard({ c }: { c: Cluster }) {
  const state = stateOf(c);
  return (
    <section className="card" aria-label={c.name}>
      <header>
        <h2 className="grow cut">{c.name === "local" ? "this cluster" : c.name}</h2>
        <StatePill state={state}>{c.agent?.silent ? "agent silent" : state === "ok" ? "well" : "look"}</StatePill>
      </header>
      <div className="body stack" style={{ gap: 12 }}>
        <ul className="line wrap">
          {c.apps
            .filter((f) => f.count > 0)
            .map((f) => (
              <li key={f.value}>
                <To href={`/?cluster=${encodeURIComponent(c.name)}&state=${f.value}`} className={`line quiet s-${f.value}`}>
                  <Glyph state={f.value} /> {count(f.count)} {word(f.value)}
                </To>
              </li>
            ))}
          {!c.apps.length && <li className="dim">no apps</li>}
        </ul>
        <dl className="facts">
          <dt>Kubernetes</dt>
          <dd>{c.version || "–"}</dd>
          {c.agent && (
            <>
              <dt>Agent</dt>
              <dd>
                {c.agent.version}
                {c.agent.readOnly ? ", read-only" : ""}
                {c.agent.simulated ? ", simulated pods" : ""}
              </dd>
              <dt>Heard</dt>
              <dd>
                <Ago at={c.agent.heard} />
                {c.agent.silent && <span className="s-failed"> {c.agent.silent}</span>}
              </dd>
            </>
          )}
          {!c.agent && c.heard && (
            <>
              <dt>Heard</dt>
              <dd>
                <Ago at={c.heard} />
              </dd>
            </>
          )}
          {c.uid && (
            <>
              <dt>UID</dt>
              <dd className="mono dim">{c.uid}</dd>
            </>
          )}
        </dl>
        {c.checks.length > 0 && (
          <ul className="rows">
            {c.checks.map((k) => (
              <li key={k.name} className="check">
                <Glyph state={k.ok ? "ok" : "failed"} />
                <b>{k.name}</b>
                <span className="dim">{k.text}</span>
              </li>
            ))}
          </ul>
        )}
        {c.agent?.weak && <p className="s-drifted">{c.agent.weak}</p>}
      </div>
    </section>
  );
}
