import { useInfiniteQuery } from "@tanstack/react-query";
import { get } from "../api/client.ts";
import type { Entry, HistoryPage, ObjectChange } from "../api/types.ts";
import { Empty, FaultCard, NoneLikeThat, Waiting } from "../parts/empty.tsx";
import { Choose, Find } from "../parts/find.tsx";
import { Glyph } from "../parts/glyph.tsx";
import { Commit, commitPath, PullLink, To } from "../parts/link.tsx";
import { Ago, Clock } from "../parts/time.tsx";
import { useAddress } from "../router.tsx";
import { between, person, plural, short, span } from "../words.ts";
import { DriftLine } from "./cause.tsx";
import { resultState } from "./page.tsx";

const choices = [
  ["result", "Result"],
  ["kind", "Kind"],
  ["author", "Author"],
] as const;

/** History is what the app went through: revisions with their authors, results and changed fields, and drift that was undone. */
export default function History({ id, repo }: { id: string; repo: string }) {
  const [search, set] = useAddress();
  const query = { q: search.q, result: search.result, kind: search.kind, author: search.author };
  const filtered = Object.values(query).some(Boolean);
  const all = useInfiniteQuery({
    queryKey: ["app", id, "history", query],
    queryFn: ({ pageParam, signal }) =>
      get<HistoryPage>(["apps", ...id.split("/"), "history"], { ...query, limit: 30, cursor: pageParam }, signal),
    initialPageParam: "",
    getNextPageParam: (p) => p.next || undefined,
    placeholderData: (old) => old,
  });
  if (all.error && !all.data) return <FaultCard error={all.error} />;
  if (!all.data) return <Waiting what="reading the history" />;
  const entries = all.data.pages.flatMap((p) => p.items ?? []);
  const facets = all.data.pages[0]?.facets ?? {};
  if (!entries.length && !filtered)
    return (
      <Empty title="No history yet" state="waiting">
        <p>Each revision that the app goes through, and each correction of drift, is written down here.</p>
      </Empty>
    );
  return (
    <div className="app-body">
      <div className="filters">
        <Find
          label="Search the history by commit, subject, author, field"
          hint="Commit, subject, author, field"
          value={search.q}
          onChange={(q) => set({ q }, true)}
        />
        {choices.map(([f, name]) => (
          <Choose key={f} name={name} values={facets[f] ?? []} chosen={search[f]} onChange={(v) => set({ [f]: v })} />
        ))}
      </div>
      {!entries.length && (
        <NoneLikeThat
          title="Nothing in the history is like that"
          onAll={() => set({ q: undefined, result: undefined, kind: undefined, author: undefined })}
        />
      )}
      <ol className="history">
        {entries.map((e) => (
          <EntryRow key={e.metadata?.name} e={e} repo={repo} />
        ))}
      </ol>
      {all.hasNextPage && (
        <button type="button" className="button" onClick={() => void all.fetchNextPage()} aria-disabled={all.isFetchingNextPage}>
          Older
        </button>
      )}
    </div>
  );
}

function EntryRow({ e, repo }: { e: Entry; repo: string }) {
  const r = e.revision;
  if (!r)
    return (
      <li>
        <details className="entry">
          <summary>
            <Glyph state="drifted" />
            <b>Drift undone</b>
            <span className="cut grow">{e.summary}</span>
            <Ago at={e.corrections?.[0]?.healed ?? e.metadata?.creationTimestamp} className="dim" />
          </summary>
          <div className="entry-body rows">
            {e.corrections?.map((c, i) => (
              <DriftLine key={i} d={c} count={c.count} />
            ))}
          </div>
        </details>
      </li>
    );
  const took = between(r.seen, r.healthy);
  const pull = r.pulls?.[0];
  const approved = pull?.reviews?.filter((v) => v.verdict === "approved").map((v) => v.user) ?? [];
  return (
    <li>
      <details className="entry">
        <summary>
          <Glyph state={resultState(e.result)} />
          <code>{short(r.commit.id)}</code>
          <span className="cut grow">
            <b>{r.commit.subject || e.summary}</b>{" "}
            <span className="dim">
              {person(r.commit.author)}
              {approved.length > 0 && `, approved by ${approved.join(", ")}`}
            </span>
          </span>
          {pull && <span className="dim">#{pull.number}</span>}
          <span className="dim num entry-took">
            {e.result === "ok" ? (took === undefined ? "" : `healthy in ${span(took)}`) : r.reason || e.result}
          </span>
          <Ago at={r.seen ?? e.metadata?.creationTimestamp} className="dim" />
        </summary>
        <div className="entry-body stack">
          {r.message && <p>{r.message}</p>}
          <p className="line wrap">
            <To href={commitPath(repo, r.commit.id)} className="link">
              All of this commit
            </To>
            {pull && <PullLink pull={pull} />}
          </p>
          <p className="dim">
            seen <Clock at={r.seen} /> {r.by ? `(${r.by})` : ""} · applied <Clock at={r.applied} /> · healthy <Clock at={r.healthy} />
            {r.previous && (
              <>
                {" "}
                · before it <Commit id={r.previous} repo={repo} />
              </>
            )}
          </p>
          <ObjectChanges changes={r.changes ?? []} />
        </div>
      </details>
    </li>
  );
}

/** ObjectChanges is what a revision did to objects, field by field. */
export function ObjectChanges({ changes }: { changes: ObjectChange[] }) {
  if (!changes.length) return <p className="dim">No object changed.</p>;
  return (
    <ul className="rows">
      {changes.map((c) => (
        <li key={c.object + c.change} className="change">
          <p>
            <span className={`verb v-${c.change}`}>{c.change}</span> <b>{c.object}</b> {c.why && <span className="dim">{c.why}</span>}
          </p>
          {c.fields?.map((f) => (
            <div key={f.field} className="change-field">
              <span className="path dim">{f.field}</span>
              <span className="values">
                {f.from !== undefined && f.from !== "" && <del>{f.from}</del>}
                {f.to !== undefined && f.to !== "" && <ins>{f.to}</ins>}
              </span>
            </div>
          ))}
        </li>
      ))}
      {changes.length >= 60 && <li className="dim">and more; {plural(60, "object")} are written down.</li>}
    </ul>
  );
}
