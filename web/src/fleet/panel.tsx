import { useQuery } from "@tanstack/react-query";
import { app } from "../api/queries.ts";
import { Actions } from "../app/actions.tsx";
import { Cause, DriftLine, Where } from "../app/cause.tsx";
import type { Target } from "../live/fleet.ts";
import { FaultCard } from "../parts/empty.tsx";
import { Icon, StatePill } from "../parts/glyph.tsx";
import { appPath, To } from "../parts/link.tsx";
import { address } from "../words.ts";

/** Panel is one target beside the matrix: what is the matter, since which commit, what to do. */
export function Panel({ id, target, onClose }: { id: string; target: Target | undefined; onClose: () => void }) {
  const view = useQuery(app(id));
  const row = view.data?.row;
  const title = row ? address(row) : target ? address(target) : id;
  const state = row?.state ?? target?.state ?? "unknown";
  return (
    <aside className="panel" aria-label={title}>
      <header>
        <h2 className="cut grow">{title}</h2>
        <StatePill state={state} />
        <To href={appPath(id)} className="button small">
          Open <kbd>o</kbd>
        </To>
        <button type="button" className="button plain icon" aria-label="Close" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      {view.error ? (
        <FaultCard error={view.error} />
      ) : (
        <div className="body">
          {view.data ? (
            <>
              <Cause view={view.data} />
              <Actions row={view.data.row} can={view.data.can} />
              <Where view={view.data} />
              {(view.data.app.status?.drift?.length ?? 0) > 0 && (
                <section>
                  <h3>Drift</h3>
                  {view.data.app.status!.drift!.map((d, i) => (
                    <DriftLine key={i} d={d} />
                  ))}
                </section>
              )}
              <nav className="line wrap" aria-label="more of this app">
                {["resources", "drift", "history", "events", "logs"].map((tab) => (
                  <To key={tab} href={appPath(id, tab)} className="button small">
                    {tab}
                  </To>
                ))}
              </nav>
            </>
          ) : (
            <p className="dim">{target?.why || "reading…"}</p>
          )}
        </div>
      )}
    </aside>
  );
}
