import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { repos } from "../api/queries.ts";
import type { RepoRow } from "../api/types.ts";
import { Command } from "../parts/copy.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Empty, FaultCard, NoneLikeThat, Waiting } from "../parts/empty.tsx";
import { Find } from "../parts/find.tsx";
import { Glyph, StatePill } from "../parts/glyph.tsx";
import { Commit, To } from "../parts/link.tsx";
import { Ago } from "../parts/time.tsx";
import { useTitle } from "../parts/title.ts";
import { useAddress } from "../router.tsx";
import { count, sign, states, word } from "../words.ts";
import { type HookKind, hookKinds, hookSteps, repoState, repoWord } from "./model.ts";

/** ReposPage is where the fleet comes from: what was read last, what is wrong with it, and how to hear of pushes at once. */
export function ReposPage() {
  const [search, set] = useAddress();
  const all = useQuery({ ...repos(search.q), refetchInterval: 15_000 });
  const [hook, setHook] = useState<RepoRow | undefined>();
  const worst = all.data?.find((r) => r.state === "failed");
  useTitle(worst ? `${sign("failed")} ${worst.id}` : "Repos");
  if (all.error && !all.data) return <FaultCard error={all.error} />;
  if (!all.data) return <Waiting what="reading repositories" />;
  return (
    <div className="page">
      <header className="page-head">
        <h1>Repos</h1>
        <Find
          label="Search repos by name, address, trouble"
          hint="Name, address, trouble"
          value={search.q}
          onChange={(q) => set({ q }, true)}
        />
      </header>
      {!all.data.length && search.q && <NoneLikeThat title="No repository is like that" onAll={() => set({ q: undefined })} />}
      {!all.data.length && !search.q && (
        <Empty title="No repository is connected" state="waiting">
          <p>Six lines connect one; each folder apps/NAME in it becomes an app.</p>
          <Command
            text={
              "kubectl apply -f - <<EOF\napiVersion: plumb.dev/v1alpha1\nkind: Repo\nmetadata: {name: fleet, namespace: plumb-system}\nspec:\n  url: https://git.example.com/acme/fleet.git\nEOF"
            }
          />
          <p>If there is one already, you may not have the right to list repos in its namespace; whoever runs this cluster can grant it.</p>
        </Empty>
      )}
      <div className="stack" style={{ gap: 16 }}>
        {all.data.map((r) => (
          <RepoCard key={r.id} r={r} onHook={() => setHook(r)} />
        ))}
      </div>
      {hook && <HookHelp r={hook} onClose={() => setHook(undefined)} />}
    </div>
  );
}

function RepoCard({ r, onHook }: { r: RepoRow; onHook: () => void }) {
  return (
    <section className="card" id={r.id} aria-label={r.id}>
      <header>
        <Glyph state={repoState(r.state)} />
        <h2>{r.name}</h2>
        <code className="dim cut grow">{r.url}</code>
        <StatePill state={repoState(r.state)}>{repoWord(r.state)}</StatePill>
      </header>
      <div className="body stack" style={{ gap: 12 }}>
        <p>{r.message || r.summary}</p>
        {r.staleSince && (
          <p className="s-failed">
            It cannot be read since <Ago at={r.staleSince} />. What was delivered last stays.
          </p>
        )}
        <dl className="facts">
          <dt>Follows</dt>
          <dd>{r.branch || "the remote's default branch"}</dd>
          <dt>Newest commit</dt>
          <dd>
            {r.observed ? (
              <>
                <Commit id={r.observed.commit} repo={r.id} />{" "}
                <span className="dim">
                  seen <Ago at={r.observed.at} />
                  {r.observed.by ? ` by ${r.observed.by}` : ""}
                </span>
              </>
            ) : (
              "none yet"
            )}
          </dd>
          <dt>Apps</dt>
          <dd className="line wrap">
            {states
              .filter((s) => (r.apps?.[s] ?? 0) > 0)
              .map((s) => (
                <To key={s} href={`/?repo=${encodeURIComponent(r.id)}&state=${s}`} className={`line quiet s-${s}`}>
                  <Glyph state={s} /> {count(r.apps[s]!)} {word(s)}
                </To>
              ))}
            {!r.apps?.total && <span className="dim">none</span>}
            {r.deciding > 0 && <span className="dim">{r.deciding} being decided</span>}
          </dd>
          <dt>Hears of pushes</dt>
          <dd>
            {r.webhook ? (
              <>
                by webhook ({r.webhook.kind}),{" "}
                {r.webhook.lastDelivery ? (
                  <>
                    last <Ago at={r.webhook.lastDelivery} />
                  </>
                ) : (
                  "none has come yet"
                )}
                ; and every {r.poll}
              </>
            ) : (
              <>every {r.poll}</>
            )}{" "}
            <button type="button" className="button small" onClick={onHook}>
              {r.webhook ? "How it is set up" : "Set up a webhook"}
            </button>
          </dd>
          <dt>Pull requests</dt>
          <dd>
            {r.forge ? (
              <To href="/pulls" className="link">
                planned on {r.forge.kind}
              </To>
            ) : (
              <span className="dim">
                not looked at; <code>forge</code> on the Repo names where they are
              </span>
            )}
          </dd>
        </dl>
      </div>
    </section>
  );
}

function HookHelp({ r, onClose }: { r: RepoRow; onClose: () => void }) {
  const [kind, setKind] = useState<HookKind>((r.webhook?.kind as HookKind) ?? (r.forge?.kind as HookKind) ?? "github");
  return (
    <Dialog title={`Webhook of ${r.name}`} onClose={onClose}>
      <p className="dim">With a webhook a push is seen at once, and the repository is asked every ten minutes instead of every {r.poll}.</p>
      <span className="segments" role="group" aria-label="Forge">
        {hookKinds.map((k) => (
          <button key={k} type="button" aria-pressed={k === kind} onClick={() => setKind(k)}>
            {k}
          </button>
        ))}
      </span>
      <ol className="stack" style={{ gap: 12 }}>
        {hookSteps(r, kind, window.location.origin).map((s, i) => (
          <li key={s.text} className="stack" style={{ gap: 4 }}>
            <span>
              {i + 1}. {s.text}
            </span>
            {s.command && <Command text={s.command} />}
          </li>
        ))}
      </ol>
      <footer>
        <button type="button" className="button first" onClick={onClose}>
          Close
        </button>
      </footer>
    </Dialog>
  );
}
