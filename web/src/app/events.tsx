import { useQuery } from "@tanstack/react-query";
import { events } from "../api/queries.ts";
import type { Verdict } from "../api/types.ts";
import { Empty, FaultCard, Waiting } from "../parts/empty.tsx";
import { Glyph } from "../parts/glyph.tsx";
import { Ago } from "../parts/time.tsx";
import { useAddress } from "../router.tsx";

/** Events is what Kubernetes says of the app's objects, the newest first, warnings marked. */
export default function Events({ id, can }: { id: string; can: Verdict | undefined }) {
  const all = useQuery({ ...events(id), enabled: can?.ok !== false });
  const [search, change] = useAddress();
  if (can && !can.ok)
    return (
      <Empty title="You may not read events here" state="unknown">
        <p>{can.why}</p>
      </Empty>
    );
  if (all.error && !all.data) return <FaultCard error={all.error} />;
  if (!all.data) return <Waiting lines={4} what="reading events" />;
  const only = search.type === "Warning";
  const shown = all.data.filter((e) => !only || e.type === "Warning");
  return (
    <div className="app-body">
      <div className="filters">
        <button type="button" className="button small" aria-pressed={only} onClick={() => change({ type: only ? undefined : "Warning" })}>
          Warnings only
        </button>
        <span className="dim">Kubernetes keeps events for an hour.</span>
      </div>
      {shown.length ? (
        <section className="card scroll-x" tabIndex={0} aria-label="Events">
          <table className="table">
            <thead>
              <tr>
                <th>Last</th>
                <th>Reason</th>
                <th>Object</th>
                <th>Message</th>
                <th className="r">Times</th>
              </tr>
            </thead>
            <tbody>
              {shown.map((e, i) => (
                <tr key={i}>
                  <td>
                    <Ago at={e.time} suffix="" />
                  </td>
                  <td>
                    <span className="line">
                      <Glyph state={e.type === "Warning" ? "drifted" : "ok"} />
                      <b>{e.reason}</b>
                      {e.type === "Warning" && <span className="sr">warning</span>}
                    </span>
                  </td>
                  <td>
                    <code>{e.object}</code>
                  </td>
                  <td>{e.message}</td>
                  <td className="r num">{e.count}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      ) : (
        <Empty title={only ? "No warnings" : "No events"}>
          <p>Nothing happened to the app's objects in the last hour.</p>
        </Empty>
      )}
    </div>
  );
}
