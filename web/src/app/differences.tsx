import { useQuery } from "@tanstack/react-query";
import { Fault } from "../api/client.ts";
import { revertPreview } from "../api/queries.ts";
import type { PlanObject } from "../api/types.ts";
import { nameOf, tallies } from "../pulls/model.ts";
import { hasValue, plural, short, valueText } from "../words.ts";

/** Objects is what would change, object by object, with what else happens and the fields. */
export function Objects({ objects }: { objects: PlanObject[] }) {
  if (!objects.length) return null;
  return (
    <ul className="rows">
      {objects.map((o, i) => (
        <li key={i} className="change">
          <p className="line wrap">
            <span className={`verb v-${o.change}`}>{o.change}</span> <b>{nameOf(o.object)}</b>
            {o.folded && <span className="dim">only labels that every release changes</span>}
          </p>
          {o.notes?.map((n) => (
            <p key={n} className="note-line">
              {n}
            </p>
          ))}
          {o.fields?.map((f, j) => (
            <div key={j} className="change-field">
              <span className="path dim">{f.field}</span>
              <span className="values">
                {hasValue(f.from) && <del>{valueText(f.from)}</del>}
                {hasValue(f.to) && <ins>{valueText(f.to)}</ins>}
                {!hasValue(f.from) && !hasValue(f.to) && <span className="dim">{f.kind}</span>}
              </span>
            </div>
          ))}
        </li>
      ))}
    </ul>
  );
}

/** Preview is what a revert of an app would be: the files that it changes, and what becomes of the objects. */
export function Preview({ id }: { id: string }) {
  const view = useQuery(revertPreview(id));
  if (view.error) return <p className="s-failed">{Fault.of(view.error).message}</p>;
  if (!view.data) return <p className="dim">making the revert, to show what it would be …</p>;
  const p = view.data;
  return (
    <div className="stack" style={{ gap: 8 }}>
      <p className="dim">
        <code>{short(p.from)}</code> back to <code>{short(p.to)}</code>
        {p.branch && <>, into {p.branch}</>}: {plural(p.files.length, "file")}, {tallies(p.objects)}
      </p>
      {p.conflicts.length > 0 && (
        <p className="s-failed">
          The same lines were changed again since in {p.conflicts.join(", ")}: the pull request is opened, and people have to mend it.
        </p>
      )}
      {p.notTold && <p className="dim">What it does to the objects is not told: {p.notTold}</p>}
      <Objects objects={p.objects} />
    </div>
  );
}
