import { useQuery } from "@tanstack/react-query";
import { drift } from "../api/queries.ts";
import { DriftLine } from "../app/cause.tsx";
import { Empty, FaultCard, Waiting } from "../parts/empty.tsx";
import { Find } from "../parts/find.tsx";
import { Glyph } from "../parts/glyph.tsx";
import { appPath, To } from "../parts/link.tsx";
import { useTitle } from "../parts/title.ts";
import { useAddress } from "../router.tsx";
import { plural } from "../words.ts";

/** DriftPage is who changed what behind Git's back, over the whole fleet, by the manager that wrote it. */
export function DriftPage() {
  const [search, set] = useAddress();
  const view = useQuery(drift(search.q));
  const d = view.data;
  useTitle(d ? (d.open ? `≠ ${plural(d.open, "field")} drifted` : "● no drift") : "Drift");
  if (view.error && !d) return <FaultCard error={view.error} />;
  if (!d) return <Waiting what="reading drift" />;
  const only = search.show === "open";
  const groups = d.groups.filter((g) => (!only || g.open > 0) && (!search.manager || g.manager === search.manager));
  return (
    <div className="page">
      <header className="page-head">
        <h1>Drift</h1>
        <Find
          label="Search drift by app, object, field, manager"
          hint="App, object, field, manager"
          value={search.q}
          onChange={(q) => set({ q }, true)}
        />
        <span className="segments" role="group" aria-label="Show">
          <button type="button" aria-pressed={!only} onClick={() => set({ show: undefined })}>
            All
          </button>
          <button type="button" aria-pressed={only} onClick={() => set({ show: "open" })}>
            Differs now ({d.open})
          </button>
        </span>
      </header>
      {!groups.length && (
        <Empty title={search.q ? "No drift is like that" : d.groups.length ? "Nothing differs now" : "Nothing has drifted"}>
          <p>What runs is what Git says. When somebody changes a field by hand, it shows here with who and when, and is undone.</p>
          {(search.manager || search.q) && (
            <button type="button" className="button" onClick={() => set({ manager: undefined, show: undefined, q: undefined })}>
              {search.manager ? "Show every manager" : "Show all"}
            </button>
          )}
        </Empty>
      )}
      <div className="stack" style={{ gap: 16 }}>
        {groups.map((g) => (
          <details key={g.manager} className="card fold drift-group" open={groups.length <= 6 || g.open > 0}>
            <summary>
              <Glyph state={g.open ? "drifted" : "ok"} />
              <b>{g.manager || "no manager is named"}</b>
              <span>
                {plural(g.fields, "field")} in {plural(g.apps, "app")}
              </span>
              <span className={g.open ? "s-drifted" : "dim"}>
                {g.open ? `${g.open} ${g.open === 1 ? "differs" : "differ"} now` : "all undone"}
              </span>
              {g.fields >= 20 && <span className="dim">a controller? an ignore rule in plumb.yaml gives it the field</span>}
            </summary>
            <div className="body rows">
              {g.items
                .filter((i) => !only || !i.healed)
                .map((i, n) => (
                  <DriftLine
                    key={n}
                    d={{ ...i, manager: g.manager }}
                    app={
                      <>
                        <To href={appPath(i.app, "drift")} className="link">
                          {i.address}
                        </To>{" "}
                      </>
                    }
                  />
                ))}
              {g.items.length < g.fields && !only && <p className="dim">The newest {g.items.length} are shown.</p>}
            </div>
          </details>
        ))}
      </div>
    </div>
  );
}
