import { Fault } from "../api/client.ts";
import { Glyph } from "./glyph.tsx";

/** Empty says why there is nothing, and what to do next; whole is a page that is nothing else. */
export function Empty({
  title,
  children,
  state = "ok",
  whole,
}: {
  title: string;
  children?: React.ReactNode;
  state?: string;
  whole?: boolean;
}) {
  return (
    <div className="empty">
      <Glyph state={state} />
      {whole ? <h1>{title}</h1> : <h2>{title}</h2>}
      {children}
    </div>
  );
}

/** NoneLikeThat is a list in which nothing is found. */
export function NoneLikeThat({ title, onAll }: { title: string; onAll: () => void }) {
  return (
    <Empty title={title}>
      <button type="button" className="button" onClick={onAll}>
        Show all
      </button>
    </Empty>
  );
}

/** FaultCard is an error as the agent says it: what, and what to do. */
export function FaultCard({ error }: { error: unknown }) {
  const fault = Fault.of(error);
  return (
    <div className="fault" role="alert">
      <b>{fault.message}</b>
      {fault.next && <span>{fault.next}</span>}
      {fault.reason && <span className="dim mono">{fault.reason}</span>}
    </div>
  );
}

/** Waiting is shown while something is read: lines where the text will be. */
export function Waiting({ lines = 6, what = "loading" }: { lines?: number; what?: string }) {
  return (
    <div className="page" role="status" aria-label={what}>
      {Array.from({ length: lines }, (_, i) => (
        <p key={i} style={{ padding: "10px 0" }}>
          <span className="skeleton" style={{ display: "block", width: `${[62, 84, 47, 71, 55, 78][i % 6]}%` }} />
        </p>
      ))}
    </div>
  );
}
