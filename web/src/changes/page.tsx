import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useState } from "react";
import { Fault, get, post } from "../api/client.ts";
import { change } from "../api/queries.ts";
import type { Asked, Change, ChangePage, ChangeTarget, ChangeView, PullLine } from "../api/types.ts";
import { Preview } from "../app/differences.tsx";
import { ObjectChanges } from "../app/history.tsx";
import { CopyButton } from "../parts/copy.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Empty, FaultCard, Waiting } from "../parts/empty.tsx";
import { Choose, Find } from "../parts/find.tsx";
import { Glyph, Icon, StatePill } from "../parts/glyph.tsx";
import { appPath, commitPath, Out, PullLink, To } from "../parts/link.tsx";
import { Ago, Clock } from "../parts/time.tsx";
import { Tipped } from "../parts/tipped.tsx";
import { useTitle } from "../parts/title.ts";
import { useAddress } from "../router.tsx";
import { address, between, person, plural, secondsOf, short, sign, span } from "../words.ts";
import { changeWord, glyphOf, summaryOf } from "./model.ts";

const choices = [
  ["state", "State"],
  ["env", "Environment"],
  ["repo", "Repository"],
  ["author", "Author"],
] as const;

/** ChangesPage is what was merged, the newest first, and how far each has come. */
export function ChangesPage() {
  useTitle("Changes");
  const [search, set] = useAddress();
  const query = { q: search.q, repo: search.repo, env: search.env, state: search.state, author: search.author };
  const all = useInfiniteQuery({
    queryKey: ["changes", query],
    queryFn: ({ pageParam, signal }) => get<ChangePage>(["changes"], { ...query, limit: 60, cursor: pageParam }, signal),
    initialPageParam: "",
    getNextPageParam: (p) => p.next || undefined,
    placeholderData: (old) => old,
  });
  if (all.error && !all.data) return <FaultCard error={all.error} />;
  const first = all.data?.pages[0];
  const filtered = Object.values(query).some(Boolean);
  const items = all.data?.pages.flatMap((p) => p.items) ?? [];
  return (
    <div className="page">
      <header className="page-head">
        <h1>Changes</h1>
        <div className="filters">
          <Find
            label="Search changes by commit, subject, author, app"
            hint="Commit, subject, author, app"
            value={search.q}
            onChange={(q) => set({ q }, true)}
          />
          {choices.map(([f, name]) => (
            <Choose
              key={f}
              name={name}
              values={first?.facets[f] ?? []}
              chosen={search[f]}
              onChange={(v) => set({ [f]: v })}
              word={f === "state" ? changeWord : undefined}
            />
          ))}
        </div>
      </header>
      {!first ? (
        <Waiting what="reading changes" />
      ) : !items.length ? (
        <Empty title={filtered ? "No change is like that" : "No changes yet"} state="waiting">
          <p>
            {filtered
              ? "Take a filter away."
              : "A commit that changes an app appears here about a second after it is pushed, with how far it has come in each environment."}
          </p>
        </Empty>
      ) : (
        <ol className="card rows changes">
          {items.map((c) => (
            <ChangeRow key={c.repo + c.id} c={c} />
          ))}
        </ol>
      )}
      {all.hasNextPage && (
        <button type="button" className="button" onClick={() => void all.fetchNextPage()} aria-disabled={all.isFetchingNextPage}>
          Older
        </button>
      )}
    </div>
  );
}

function ChangeRow({ c }: { c: Change }) {
  const approved = approvers(c.pull);
  return (
    <li className="change-row">
      <Glyph state={glyphOf(c.state)} />
      <div className="grow">
        <p className="line">
          <To href={c.repo ? commitPath(c.repo, c.id) : "/changes"} className="change-subject cut">
            {c.subject || short(c.id)}
          </To>
        </p>
        <p className="dim line change-meta">
          <code>{short(c.id)}</code>
          <span className="cut">
            {person(c.author)}
            {approved.length > 0 && <>, approved by {approved.join(", ")}</>}
          </span>
          <PullLink pull={c.pull} />
        </p>
      </div>
      <span className="change-targets">
        {c.targets.slice(0, 12).map((t) => (
          <To
            key={t.id}
            href={appPath(t.id)}
            className="dot-link"
            title={`${address(t)}: ${changeWord(t.state)}${t.why ? `, ${t.why}` : ""}`}
            aria-label={`${address(t)}: ${changeWord(t.state)}`}
          >
            <Glyph state={glyphOf(t.state)} />
          </To>
        ))}
        {c.targets.length > 12 && <span className="dim">+{c.targets.length - 12}</span>}
      </span>
      <span className="dim change-sum">{summaryOf(c)}</span>
      <Ago at={c.seen ?? c.time} className="dim change-age" suffix="" />
    </li>
  );
}

const approvers = (p: PullLine | undefined): string[] => (p?.reviews ?? []).filter((r) => r.verdict === "approved").map((r) => r.user);

/** CommitPage is the way of one commit: who wrote it, who agreed, when it was seen, and how far it is in each place. */
export function CommitPage() {
  const p = useParams({ strict: false }) as { namespace: string; repo: string; commit: string };
  const repo = `${p.namespace}/${p.repo}`;
  const view = useQuery(change(repo, p.commit));
  const c = view.data;
  useTitle(c ? `${sign(glyphOf(c.state))} ${short(c.id)} ${c.subject}` : short(p.commit));
  if (view.error && !c) return <FaultCard error={view.error} />;
  if (!c) return <Waiting what="reading the commit" />;
  const envs = [...new Set(c.targets.map((t) => t.env))];
  const last = c.targets.map((t) => secondsOf(t.healthy)).reduce((a, b) => Math.max(a, b), 0);
  const done = c.targets.every((t) => t.healthy);
  return (
    <div className="page commit">
      <header className="stack commit-head">
        <p className="dim line">
          <To href="/changes" className="quiet">
            Changes
          </To>
          / <code>{c.id}</code>
          <CopyButton text={c.id} label="copy the commit" />
        </p>
        <div className="line wrap">
          <h1>{c.subject || short(c.id)}</h1>
          <StatePill state={glyphOf(c.state)}>{changeWord(c.state)}</StatePill>
          <span className="grow" />
          <Revert c={c} />
        </div>
        <ol className="steps" aria-label="What became of it">
          <Step name="written" by={person(c.author)} at={c.time} />
          {c.pull && (
            <Step
              name="reviewed"
              by={
                <>
                  <Out href={c.pull.url}>#{c.pull.number}</Out> {reviewText(c.pull)}
                </>
              }
            />
          )}
          <Step
            name="seen"
            at={c.seen}
            by={between(c.time, c.seen) !== undefined ? `${span(between(c.time, c.seen)!)} after it was written` : undefined}
          />
          <Step
            name="healthy everywhere"
            at={done && last ? new Date(last * 1000).toISOString() : undefined}
            by={done && last && c.seen ? `in ${span(last - secondsOf(c.seen))}` : summaryOf(c)}
            pending={done ? undefined : c.state === "failed" ? "failed" : "rolling"}
          />
        </ol>
      </header>
      <section className="stack" style={{ gap: 12 }} aria-label="Where it is">
        {envs.map((env) => (
          <div key={env} className="card">
            <header>
              <h2>{env || "no environment"}</h2>
              <span className="dim">
                {c.targets.filter((t) => t.env === env && t.state === "ok").length} of {c.targets.filter((t) => t.env === env).length} ok
              </span>
            </header>
            <ul className="rows">
              {c.targets
                .filter((t) => t.env === env)
                .map((t) => (
                  <TargetRow key={t.id} t={t} />
                ))}
            </ul>
          </div>
        ))}
      </section>
      <section className="stack" style={{ gap: 12 }} aria-labelledby="what">
        <h2 id="what">What it changed</h2>
        {c.notTold && <p className="dim">{c.notTold}</p>}
        {!c.objects.length && !c.notTold && (
          <p className="dim">Nothing is written down yet; it is when the app is healthy or has failed.</p>
        )}
        {sameChanges(c).map(({ ids, o }) => (
          <details key={o.id} className="card fold" open={c.objects.length <= 4}>
            <summary>
              <b>{ids.map((id) => addressOf(c, id)).join(", ")}</b> <span className="dim">{plural(o.changes.length, "object")}</span>
            </summary>
            <div className="body">
              <ObjectChanges changes={o.changes} />
              {o.incomplete && <p className="dim">What changed is not known in full.</p>}
            </div>
          </details>
        ))}
      </section>
    </div>
  );
}

/** sameChanges puts targets together in which the same was changed. */
function sameChanges(c: ChangeView) {
  const by = new Map<string, { ids: string[]; o: ChangeView["objects"][number] }>();
  for (const o of c.objects) {
    const key = JSON.stringify(o.changes);
    const old = by.get(key);
    if (old) old.ids.push(o.id);
    else by.set(key, { ids: [o.id], o });
  }
  return [...by.values()];
}

const addressOf = (c: Change, id: string): string => {
  const t = c.targets.find((x) => x.id === id);
  return t ? address(t) : id;
};

function reviewText(p: PullLine): string {
  const who = approvers(p);
  if (who.length) return `approved by ${who.join(", ")}`;
  return p.author ? `by ${p.author}, nobody approved` : "nobody approved";
}

function Step({ name, at, by, pending }: { name: string; at?: string; by?: React.ReactNode; pending?: string }) {
  return (
    <li className={pending ? `step-${pending}` : undefined}>
      <b>{name}</b>
      {at && (
        <span className="num">
          <Clock at={at} />
        </span>
      )}
      {by && <span className="dim">{by}</span>}
    </li>
  );
}

function TargetRow({ t }: { t: ChangeTarget }) {
  const toApplied = between(t.seen, t.applied);
  const toHealthy = between(t.applied, t.healthy);
  return (
    <li className="target-row">
      <Glyph state={glyphOf(t.state)} />
      <To href={appPath(t.id)} className="cut target-name quiet">
        {address(t)}
      </To>
      <span className={`s-${glyphOf(t.state)} target-state`}>{changeWord(t.state)}</span>
      <span className="dim cut grow" title={t.why}>
        {t.why}
      </span>
      <span className="dim num target-times">
        {toApplied !== undefined && `applied in ${span(toApplied)}`}
        {toHealthy !== undefined && `, healthy ${span(toHealthy)} later`}
      </span>
      <Clock at={t.healthy ?? t.applied ?? t.seen} />
    </li>
  );
}

/** Revert opens, for each app of the commit that the person chooses, the pull request that takes its part back. */
function Revert({ c }: { c: ChangeView }) {
  const [open, setOpen] = useState(false);
  const can = c.reverts.filter((r) => r.ok);
  const why = can.length ? undefined : c.reverts[0]?.why;
  if (!c.reverts.length) return null;
  return (
    <>
      <Tipped tip={why}>
        {(id) => (
          <button
            type="button"
            className="button"
            data-action="revert"
            aria-disabled={!can.length}
            aria-describedby={id}
            onClick={() => can.length && setOpen(true)}
          >
            <Icon name="undo" />
            Revert…
          </button>
        )}
      </Tipped>
      {open && <RevertDialog c={c} onClose={() => setOpen(false)} />}
    </>
  );
}

function RevertDialog({ c, onClose }: { c: ChangeView; onClose: () => void }) {
  const can = c.reverts.filter((r) => r.ok);
  const cannot = c.reverts.filter((r) => !r.ok);
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set());
  const [asked, setAsked] = useState<Record<string, { text: string; url?: string; bad?: boolean }>>({});
  const [busy, setBusy] = useState(false);
  const chosen = can.filter((r) => !left.has(r.id) && !asked[r.id]);
  const revert = async () => {
    setBusy(true);
    for (const r of chosen) {
      // one after the other: each is a commit and a request of its own at the forge
      const said = await post<Asked>(["apps", ...r.id.split("/"), "revert"], {}).then(
        (d) => ({ text: d.text, url: d.url }),
        (e) => ({ text: Fault.of(e).message, bad: true }),
      );
      setAsked((a) => ({ ...a, [r.id]: said }));
    }
    setBusy(false);
  };
  return (
    <Dialog title={`Revert ${short(c.id)}`} onClose={onClose} className="wide">
      <p>Plumb opens a pull request for each app, which takes its part back. Nothing changes in the cluster before it is merged.</p>
      <ul className="rows reverts">
        {can.map((r) => {
          const said = asked[r.id];
          return (
            <li key={r.id} className="stack" style={{ gap: 6 }}>
              <label className="line">
                <input
                  type="checkbox"
                  checked={!left.has(r.id)}
                  disabled={busy || !!said}
                  onChange={() =>
                    setLeft((l) => {
                      const next = new Set(l);
                      if (!next.delete(r.id)) next.add(r.id);
                      return next;
                    })
                  }
                />
                <b>{addressOf(c, r.id)}</b>
                <span className="dim cut">{r.does}</span>
              </label>
              {said ? (
                <p className={said.bad ? "s-failed" : "s-ok"} role="status">
                  {said.text} {said.url && <Out href={said.url}>{said.url}</Out>}
                </p>
              ) : (
                !left.has(r.id) && (
                  <details open={can.length === 1}>
                    <summary>What it would change</summary>
                    <Preview id={r.id} />
                  </details>
                )
              )}
            </li>
          );
        })}
        {cannot.map((r) => (
          <li key={r.id} className="line">
            <Glyph state="unknown" />
            <span>{addressOf(c, r.id)}</span>
            <span className="dim">{r.why}</span>
          </li>
        ))}
      </ul>
      <footer>
        <button type="button" className="button" onClick={onClose}>
          {Object.keys(asked).length ? "Close" : "Cancel"}
        </button>
        <button
          type="button"
          className="button first"
          aria-disabled={busy || !chosen.length}
          onClick={() => {
            if (!busy && chosen.length) void revert();
          }}
        >
          {chosen.length === 1 ? "Open the pull request" : `Open ${chosen.length} pull requests`}
        </button>
      </footer>
    </Dialog>
  );
}
