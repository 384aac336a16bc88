import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Fault, post } from "../api/client.ts";
import type { Asked, Can, Row } from "../api/types.ts";
import { Dialog } from "../parts/dialog.tsx";
import { Icon, type IconName } from "../parts/glyph.tsx";
import { Tipped } from "../parts/tipped.tsx";
import { say } from "../shell/toasts.tsx";
import { address } from "../words.ts";
import { Preview } from "./differences.tsx";

type Action = "sync" | "restore" | "pause" | "resume" | "retry" | "revert";

/** useAct asks the agent to do something with an app, and says what it answers. */
export function useAct(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ action, body }: { action: Action; body?: unknown }) => post<Asked>(["apps", ...id.split("/"), action], body ?? {}),
    onSuccess: (d, { action }) => {
      say(d?.text || `${action}: asked for.`, { url: d?.url });
      void queries.invalidateQueries({ queryKey: ["app", id] });
    },
    onError: (e) => {
      const f = Fault.of(e);
      say(f.message, { next: f.next, bad: true });
    },
  });
}

type Spec = { action: Action; text: string | ((r: Row) => string); icon: IconName; when: (r: Row) => boolean; first?: (r: Row) => boolean };

const specs: Spec[] = [
  { action: "resume", text: "Resume", icon: "play", when: (r) => !!r.pause, first: () => true },
  {
    action: "restore",
    text: "Restore from Git",
    icon: "undo",
    when: (r) => r.objects.drifted > 0 || r.state === "drifted",
    first: () => true,
  },
  {
    action: "retry",
    text: (r) => (r.blocking ? `Retry hook ${r.blocking.name}` : "Retry hook"),
    icon: "sync",
    when: (r) => r.reason === "HookFailed",
  },
  { action: "sync", text: "Sync now", icon: "sync", when: () => true },
  { action: "pause", text: "Pause…", icon: "pause", when: (r) => !r.pause },
  { action: "revert", text: "Revert…", icon: "undo", when: (r) => !!r.repo, first: (r) => r.state === "failed" },
];

/** Actions are what may be done with an app now. A button that this person may not press stays, can be reached, and says why. */
export function Actions({ row, can }: { row: Row; can: Can | undefined }) {
  const act = useAct(row.id);
  const [open, setOpen] = useState<"" | "pause" | "revert">("");
  const shown = specs.filter((s) => s.when(row) && can?.[s.action]);
  const first = shown.find((s) => s.first?.(row) && can?.[s.action]?.ok);
  return (
    <div className="line wrap" role="group" aria-label="Actions">
      {shown.map((s) => {
        const verdict = can?.[s.action];
        return (
          <Tipped key={s.action} tip={verdict?.ok ? verdict.does : verdict?.why || "you may not do this"}>
            {(described) => (
              <button
                type="button"
                className={`button ${s === first ? "first" : ""}`}
                aria-disabled={!verdict?.ok || act.isPending}
                aria-describedby={described}
                data-action={s.action}
                onClick={() => {
                  if (!verdict?.ok || act.isPending) return;
                  if (s.action === "pause" || s.action === "revert") setOpen(s.action);
                  else act.mutate({ action: s.action });
                }}
              >
                <Icon name={s.icon} />
                {typeof s.text === "string" ? s.text : s.text(row)}
              </button>
            )}
          </Tipped>
        );
      })}
      {open === "pause" && <PauseDialog row={row} onClose={() => setOpen("")} onPause={(body) => act.mutate({ action: "pause", body })} />}
      {open === "revert" && <RevertDialog row={row} onClose={() => setOpen("")} onRevert={() => act.mutate({ action: "revert" })} />}
    </div>
  );
}

const ends: [string, number][] = [
  ["1 hour", 3600],
  ["4 hours", 4 * 3600],
  ["1 day", 86400],
  ["1 week", 7 * 86400],
  ["no end", 0],
];

function PauseDialog({
  row,
  onClose,
  onPause,
}: {
  row: Row;
  onClose: () => void;
  onPause: (body: { reason: string; until?: string }) => void;
}) {
  const [reason, setReason] = useState("");
  const [seconds, setSeconds] = useState(3600);
  return (
    <Dialog title={`Pause ${address(row)}`} onClose={onClose}>
      <p className="dim">
        Nothing is applied and no drift is undone until somebody resumes it, or the pause ends. What runs keeps running.
      </p>
      <form
        className="stack"
        style={{ gap: 16 }}
        onSubmit={(e) => {
          e.preventDefault();
          if (!reason.trim()) return;
          onPause({
            reason: reason.trim(),
            until: seconds ? new Date(Date.now() + seconds * 1000).toISOString().replace(/\.\d+Z$/, "Z") : undefined,
          });
          onClose();
        }}
      >
        <label className="label">
          Reason
          <input
            className="field"
            autoFocus
            required
            maxLength={200}
            value={reason}
            onChange={(e) => setReason(e.target.value)}
            placeholder="incident 311, database is being moved"
          />
          <small>Everybody who meets the paused app reads it.</small>
        </label>
        <fieldset className="choices">
          <legend>Ends after</legend>
          {ends.map(([text, s]) => (
            <label key={s}>
              <input type="radio" name="end" checked={seconds === s} onChange={() => setSeconds(s)} />
              {text}
            </label>
          ))}
        </fieldset>
        <footer>
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="button first" aria-disabled={!reason.trim()}>
            Pause
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

function RevertDialog({ row, onClose, onRevert }: { row: Row; onClose: () => void; onRevert: () => void }) {
  return (
    <Dialog title={`Revert the last change of ${address(row)}`} onClose={onClose}>
      <p>
        Plumb opens a pull request that takes back exactly this app's part of <code>{(row.target || row.revision).slice(0, 7)}</code>
        {row.change?.subject ? <> “{row.change.subject}”</> : null}. Nothing changes in the cluster before somebody merges it.
      </p>
      <div className="preview" tabIndex={0} role="region" aria-label="What the revert would change">
        <Preview id={row.id} />
      </div>
      <footer>
        <button type="button" className="button" onClick={onClose}>
          Cancel
        </button>
        <button
          type="button"
          className="button first"
          onClick={() => {
            onRevert();
            onClose();
          }}
        >
          Open the pull request
        </button>
      </footer>
    </Dialog>
  );
}
