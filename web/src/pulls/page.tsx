import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { pull, pulls } from "../api/queries.ts";
import type { PlanApp, PlanFault, PlanObject, PullPlan } from "../api/types.ts";
import { Objects } from "../app/differences.tsx";
import { Command } from "../parts/copy.tsx";
import { Empty, FaultCard, NoneLikeThat, Waiting } from "../parts/empty.tsx";
import { Find } from "../parts/find.tsx";
import { Glyph, Icon, StatePill } from "../parts/glyph.tsx";
import { Out, To } from "../parts/link.tsx";
import { useTitle } from "../parts/title.ts";
import { useAddress } from "../router.tsx";
import { plural, short, sign } from "../words.ts";
import { effect, findingState, pullState, pullWord, risksOf, riskText, tallies } from "./model.ts";

/** PullsPage is what waits to be merged, and what merging it would do. */
export function PullsPage() {
  const [search, set] = useAddress();
  const all = useQuery(pulls(search.q));
  useTitle("Pull requests");
  if (all.error && !all.data) return <FaultCard error={all.error} />;
  if (!all.data) return <Waiting what="reading pull requests" />;
  return (
    <div className="page">
      <header className="page-head">
        <h1>Pull requests</h1>
        <Find
          label="Search pull requests by title, number, author, branch, repo"
          hint="Title, number, author, branch, repo"
          value={search.q}
          onChange={(q) => set({ q }, true)}
        />
        <span className="dim">{all.data.length ? `${all.data.length} open` : ""}</span>
      </header>
      {!all.data.length && search.q ? (
        <NoneLikeThat title="No pull request is like that" onAll={() => set({ q: undefined })} />
      ) : !all.data.length ? (
        <Empty title="No open pull request" state="waiting">
          <p>
            With <code>forge: {"{kind: github, secret: fleet-forge}"}</code> on a Repo, each pull request shows here with what merging it
            does to every app, before anybody merges it.
          </p>
          <To href="/repos" className="button">
            Repos
          </To>
        </Empty>
      ) : (
        <ul className="card rows">
          {all.data.map((p) => (
            <li key={`${p.repo}#${p.number}`} className="change-row">
              <Glyph state={pullState(p.status)} />
              <div className="grow">
                <p className="line">
                  <To href={`/pr/${p.repo}/${p.number}`} className="change-subject cut">
                    {p.title || `Pull request ${p.number}`}
                  </To>
                </p>
                <p className="dim line change-meta">
                  <Out href={p.link}>#{p.number}</Out>
                  <span className="cut">
                    {p.author} · {p.repo}
                    {p.branch ? ` → ${p.branch}` : ""}
                  </span>
                  <code>{short(p.head)}</code>
                </p>
              </div>
              {p.consent ? (
                <span className="pull-line stack" style={{ gap: 4 }}>
                  <span className="dim">{p.line}: a comment with</span>
                  <Command text={p.consent} label="copy the words that have it rendered" />
                </span>
              ) : (
                <span className="cut pull-line">{p.line}</span>
              )}
              <span className="dim change-sum">
                {p.consent ? "from a fork" : plural(p.apps, "app")}
                {p.risks > 0 && <span className="s-drifted">, {plural(p.risks, "risk")}</span>}
              </span>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** PullPage is the plan of one pull request in full: what it changes, what merging does, what waits already, what drifted. */
export function PullPage() {
  const p = useParams({ strict: false }) as { namespace: string; repo: string; number: string };
  const view = useQuery(pull(`${p.namespace}/${p.repo}`, p.number));
  const rows = useQuery(pulls());
  const plan = view.data;
  const row = rows.data?.find((r) => r.repo === `${p.namespace}/${p.repo}` && String(r.number) === p.number);
  useTitle(plan ? `${sign(pullState(plan.status))} #${p.number} ${row?.title ?? ""}` : `#${p.number}`);
  if (view.error && !plan) return <FaultCard error={view.error} />;
  if (!plan) return <Waiting what="reading the plan" />;
  const apps = plan.apps ?? [];
  const risks = apps.flatMap((a) => risksOf(a).map((r) => ({ a, ...r })));
  const waiting = apps.filter((a) => a.waiting?.length);
  const drifted = apps.filter((a) => a.drift?.length);
  return (
    <div className="page pull">
      <header className="stack commit-head">
        <p className="dim line">
          <To href="/pulls" className="quiet">
            Pull requests
          </To>
          / {p.namespace}/{p.repo}
        </p>
        <div className="line wrap">
          <h1>
            {row?.title || "Pull request"} <span className="dim">#{p.number}</span>
          </h1>
          <StatePill state={pullState(plan.status)}>{pullWord(plan.status)}</StatePill>
          <span className="grow" />
          {(row?.link || plan.url) && (
            <Out href={row?.link}>
              <span className="line">
                Open at the forge <Icon name="out" />
              </span>
            </Out>
          )}
        </div>
        <p className="cause-summary">{plan.line}</p>
        <p className="dim">
          {row?.author && `${row.author} · `}
          <code>{short(plan.head)}</code> into {plan.branch} at <code>{short(plan.tip)}</code>
          {plan.unaffected ? ` · ${plural(plan.unaffected, "app")} not affected` : ""}
        </p>
      </header>
      {plan.consent && (
        <section className="card lead c-waiting">
          <header>
            <h2>Waits for your word</h2>
          </header>
          <div className="body stack" style={{ gap: 8 }}>
            <p>
              It comes from a fork, whose author could have anything rendered. Read what it changes; then somebody who may push comments, on
              the pull request, with
            </p>
            <Command text={plan.consent} label="copy the words that have it rendered" />
            <p className="dim">
              The words name this very commit: a newer one waits again. It is compared as Git says it, without the cluster.
            </p>
          </div>
        </section>
      )}
      {plan.fault && <PlanTrouble fault={plan.fault} />}
      {plan.conflicts && plan.conflicts.length > 0 && (
        <section className="card">
          <header>
            <Glyph state="failed" />
            <h2>Conflicts with {plan.branch}</h2>
          </header>
          <ul className="body bullets">
            {plan.conflicts.map((f) => (
              <li key={f}>
                <code>{f}</code>
              </li>
            ))}
          </ul>
        </section>
      )}
      {(risks.length > 0 || (plan.notes?.length ?? 0) > 0) && (
        <section className="card lead c-drifted">
          <header>
            <h2>Worth a second look</h2>
          </header>
          <ul className="body bullets">
            {plan.notes?.map((n) => (
              <li key={n}>{n}</li>
            ))}
            {risks.map((r, i) => (
              <li key={i} className="line wrap">
                <b>{r.a.address}</b> {riskText(r.risk)}: <code>{r.object}</code> <span className="dim">{r.note}</span>
              </li>
            ))}
          </ul>
        </section>
      )}
      <Findings plan={plan} />
      {apps.length > 0 ? (
        <section className="stack" style={{ gap: 12 }} aria-labelledby="does">
          <h2 id="does">What merging does</h2>
          {apps.map((a) => (
            <AppPlan key={a.address} a={a} open={apps.length <= 4} />
          ))}
        </section>
      ) : (
        !plan.pending &&
        !plan.fault && (
          <Empty title="No app is affected">
            <p>Merging it changes nothing in any cluster that this agent knows.</p>
          </Empty>
        )
      )}
      <Others
        title="Already waiting, not part of this"
        apps={waiting}
        pick={(a) => a.waiting ?? []}
        note="It is on the branch and not applied yet."
      />
      <Others title="Drift, not part of this" apps={drifted} pick={(a) => a.drift ?? []} note="Somebody changed it in the cluster." />
    </div>
  );
}

function PlanTrouble({ fault }: { fault: PlanFault }) {
  return (
    <div className="fault" style={{ margin: 0 }}>
      <b>{fault.message}</b>
      {fault.place?.file && (
        <code>
          {fault.place.file}
          {fault.place.line ? `:${fault.place.line}` : ""}
        </code>
      )}
      {fault.next && <span>{fault.next}</span>}
    </div>
  );
}

function Findings({ plan }: { plan: PullPlan }) {
  const list = plan.findings ?? [];
  if (!list.length) return null;
  return (
    <section className="card">
      <header>
        <h2>The repository's rules</h2>
        <span className="dim">{plural(list.length, "finding")}</span>
      </header>
      <ul className="rows body">
        {list.map((f, i) => (
          <li key={i} className="change">
            <p className="line wrap">
              <Glyph state={findingState(f)} />
              <b>{f.rule}</b>
              <span>{f.message}</span>
              {f.excused && <span className="dim">({f.excused})</span>}
            </p>
            <p className="dim line wrap">
              {f.app} {f.object} {f.place && <code>{f.place}</code>}
              {f.groups?.length ? ` asks for ${f.groups.join(" or ")}` : ""}
            </p>
          </li>
        ))}
      </ul>
    </section>
  );
}

function AppPlan({ a, open }: { a: PlanApp; open: boolean }) {
  const objects = effect(a);
  return (
    <details className="card fold" open={open}>
      <summary className="line wrap">
        <Glyph state={a.fault ? "failed" : risksOf(a).length ? "drifted" : "ok"} />
        <b>{a.address}</b>
        <span className="dim">{a.fault ? "cannot be rendered" : tallies(objects)}</span>
      </summary>
      <div className="body stack" style={{ gap: 8 }}>
        {a.fault && <PlanTrouble fault={a.fault} />}
        {a.before && <p className="dim">Nor could it be rendered before: {a.before.message}</p>}
        {a.notAsked && <p className="dim">The cluster could not be asked: {a.notAsked}. The objects are compared as they were rendered.</p>}
        {a.differs && (
          <p className="dim">Merged into the tip of the branch it does something else than on its own; this is what merging does.</p>
        )}
        {a.notes?.map((n) => (
          <p key={n}>{n}</p>
        ))}
        {a.images && a.images.length > 0 && (
          <ul className="bullets">
            {a.images.map((i) => (
              <li key={`${i.from}${i.to}`} className="line wrap">
                <span className="dim">image</span>
                {i.from && <del>{i.from}</del>}
                {i.to && <ins>{i.to}</ins>}
              </li>
            ))}
          </ul>
        )}
        <Objects objects={objects} />
        {a.allow && a.allow.length > 0 && (
          <>
            <p className="dim">Deletions are held until a commit consents with:</p>
            <Command text={a.allow.join("\n")} label="copy the lines of consent" />
          </>
        )}
      </div>
    </details>
  );
}

function Others({ title, apps, pick, note }: { title: string; apps: PlanApp[]; pick: (a: PlanApp) => PlanObject[]; note: string }) {
  if (!apps.length) return null;
  return (
    <section className="stack" style={{ gap: 12 }}>
      <h2>{title}</h2>
      {apps.map((a) => (
        <details key={a.address} className="card fold">
          <summary>
            <b>{a.address}</b> <span className="dim">{plural(pick(a).length, "object")}</span>
          </summary>
          <div className="body">
            <p className="dim">{note}</p>
            <Objects objects={pick(a)} />
          </div>
        </details>
      ))}
    </section>
  );
}
