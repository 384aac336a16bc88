import type { AppView, Blocking, Drift } from "../api/types.ts";
import { Command } from "../parts/copy.tsx";
import { Glyph } from "../parts/glyph.tsx";
import { Commit, Out, PullLink, To } from "../parts/link.tsx";
import { Ago, Clock } from "../parts/time.tsx";
import { asState, person, plural, short, stepOf, word } from "../words.ts";

/** Cause says what is the matter, in the order in which one wants to know: the sentence, what blocks it, what to do. */
export function Cause({ view }: { view: AppView }) {
  const { row, app } = view;
  const st = app.status ?? {};
  const state = asState(row.state);
  const consent = view.consent ?? [];
  const next = row.next && !(consent[0] && row.next.includes(consent[0])) ? stepOf(row.next) : undefined;
  return (
    <div className={`cause c-${state}`}>
      <p className="cause-summary">{row.summary || `${word(row.state)}; nothing more is known`}</p>
      {row.blocking && <Blocks b={row.blocking} summary={row.summary} />}
      {row.pause && (
        <p>
          Paused by <b>{row.pause.by}</b>: “{row.pause.reason}”
          {row.pause.until ? (
            <>
              {" "}
              until <Clock at={row.pause.until} />
            </>
          ) : (
            ", without an end"
          )}
          {row.pause.at && (
            <>
              {" "}
              · held at <Commit id={row.pause.at} repo={row.repo} />
            </>
          )}
        </p>
      )}
      {row.waitingFor && row.waitingFor.length > 0 && (
        <p>
          Waits for{" "}
          {row.waitingFor.map((w, i) => (
            <span key={w.kind + w.name}>
              {i > 0 && ", "}
              {w.kind === "App" ? (
                <To href={`/app/${row.namespace}/${w.name}`} className="link">
                  {w.name}
                </To>
              ) : (
                `${w.kind.toLowerCase()} ${w.name}`
              )}
            </span>
          ))}
        </p>
      )}
      {(st.heldDeletions?.length ?? 0) > 0 && (
        <div>
          <p>{plural(st.heldCount || st.heldDeletions!.length, "deletion")} held until a commit consents:</p>
          <ul className="bullets">
            {st.heldDeletions!.slice(0, 6).map((h) => (
              <li key={h.object}>
                <code>{h.object}</code> <span className="dim">{h.reason}</span>
              </li>
            ))}
          </ul>
          {consent.length > 0 && (
            <>
              <p className="dim">Consent by a commit (an empty one will do) with:</p>
              <Command text={consent.join("\n")} label="copy the lines of consent" />
            </>
          )}
        </div>
      )}
      {st.revert && (
        <p>
          A revert to <Commit id={st.revert.to} repo={row.repo} /> is proposed:{" "}
          <Out href={st.revert.url}>pull request #{st.revert.pull}</Out>
        </p>
      )}
      {row.state === "drifted" && view.can?.restore?.ok && <p>Nothing takes it back by itself: Restore from Git does, once.</p>}
      {next && (
        <div className="cause-next">
          <span>Next</span>
          <div className="grow">
            {next.command && <Command text={next.command} />}
            {next.rest && <p>{next.rest}</p>}
          </div>
        </div>
      )}
    </div>
  );
}

function Blocks({ b, summary }: { b: Blocking; summary: string }) {
  const said = b.message && !summary.includes(b.message);
  return (
    <div className="blocks">
      <p>
        <span className="dim">Blocked by</span>{" "}
        <b>
          {b.kind}/{b.name}
        </b>
        {b.namespace && <span className="dim"> in {b.namespace}</span>}
      </p>
      {said && <p>{b.message}</p>}
      {b.lastEvent && <p className="dim">{b.lastEvent}</p>}
      {b.log && b.log.length > 0 && <pre className="command">{b.log.join("\n")}</pre>}
    </div>
  );
}

/** Where says which commit is there and which is wanted, and whose it is. */
export function Where({ view }: { view: AppView }) {
  const { row, app } = view;
  const moving = row.target && row.target !== row.revision;
  return (
    <dl className="facts">
      <dt>Applied</dt>
      <dd>
        {row.revision ? <Commit id={row.revision} repo={row.repo} /> : "nothing yet"}
        {moving && (
          <>
            {" → "}
            <Commit id={row.target} repo={row.repo} /> <span className="dim">wanted</span>
          </>
        )}
      </dd>
      {row.change && (
        <>
          <dt>Change</dt>
          <dd>
            {row.change.subject || short(row.change.id)}
            <span className="dim">
              {row.change.author ? ` · ${person(row.change.author)}` : ""} <PullLink pull={row.change.pull} />
            </span>
          </dd>
        </>
      )}
      <dt>Since</dt>
      <dd>
        <Ago at={row.since} />{" "}
        <span className="dim">
          (<Clock at={row.since} />)
        </span>
      </dd>
      <dt>Objects</dt>
      <dd>
        {plural(row.objects.total, "object")}
        {row.health && `, ${row.health}`}
        {row.objects.drifted > 0 && <span className="s-drifted">, {row.objects.drifted} drifted</span>}
        {row.objects.toDelete > 0 && `, ${row.objects.toDelete} to delete`}
      </dd>
      <dt>Folder</dt>
      <dd>
        <code>{row.path || app.spec.path}</code>
        {row.repo && <span className="dim"> of {row.repo}</span>}
      </dd>
      <dt>Namespace</dt>
      <dd>{app.spec.namespace || "–"}</dd>
    </dl>
  );
}

/** DriftLine is one field that differs from Git: who wrote it, when, and what Git says. */
export function DriftLine({ d, count, app }: { d: Drift; count?: number; app?: React.ReactNode }) {
  return (
    <div className="drift-line">
      <Glyph state={d.healed ? "ok" : "drifted"} />
      <div className="grow">
        <p className="drift-what">
          {app}
          <b>{d.object}</b> {d.field && <code>{d.field}</code>}
        </p>
        <p className="values line wrap">
          {d.git !== undefined && d.git !== "" && (
            <span>
              <span className="dim">Git </span>
              <ins>{d.git}</ins>
            </span>
          )}
          {d.live !== undefined && d.live !== "" && (
            <span>
              <span className="dim">live </span>
              <del>{d.live}</del>
            </span>
          )}
          {!d.git && !d.live && <span className="dim">{d.kind}</span>}
        </p>
        <p className="dim">
          by <b className="drift-by">{d.manager || "somebody unknown"}</b>
          {d.operation ? ` (${d.operation}${d.subresource ? `, ${d.subresource}` : ""})` : ""}{" "}
          {(d.time ?? d.seen) && <Ago at={d.time ?? d.seen} />}
          {d.healed ? (
            <>
              {" · "}undone <Ago at={d.healed} />
            </>
          ) : (
            <span className="s-drifted"> · still so</span>
          )}
          {count && count > 1 ? ` · ${count} times` : ""}
        </p>
      </div>
    </div>
  );
}
