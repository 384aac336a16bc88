import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { object } from "../api/queries.ts";
import type { Node, ObjectView } from "../api/types.ts";
import { CopyButton } from "../parts/copy.tsx";
import { Empty, FaultCard, Waiting } from "../parts/empty.tsx";
import { Icon, StatePill } from "../parts/glyph.tsx";
import { Ago } from "../parts/time.tsx";
import { hasValue, plural, short, valueText } from "../words.ts";
import { unified } from "./diff.ts";
import { stateOfHealth } from "./tree.ts";
import { spans } from "./yaml.ts";

const views = ["difference", "whole", "live", "desired", "fields"] as const;
type View = (typeof views)[number];
const names: Record<View, string> = {
  difference: "Difference",
  whole: "As a whole",
  live: "Live",
  desired: "Desired",
  fields: "Who wrote",
};

/** ObjectPanel is one object: where it differs from Git and who did it, how it is live, how Git wants it. */
export function ObjectPanel({ id, node, onClose }: { id: string; node: Node; onClose: () => void }) {
  const [view, setView] = useState<View>("difference");
  const o = useQuery(object(id, { group: node.group, version: node.version, kind: node.kind, namespace: node.namespace, name: node.name }));
  return (
    <aside className="panel object" aria-label={`${node.kind} ${node.name}`}>
      <header>
        <div className="grow">
          <h2 className="cut">{node.name}</h2>
          <p className="dim cut">
            {node.kind}
            {node.namespace && ` in ${node.namespace}`}
            {node.phase ? ` · ${node.phase}` : ""}
            {node.wave ? ` · wave ${node.wave}` : ""}
          </p>
        </div>
        <StatePill state={stateOfHealth(node)}>{node.drifted ? "drifted" : node.health}</StatePill>
        <button type="button" className="button plain icon" aria-label="Close" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      <div className="body">
        {node.message && <p>{node.message}</p>}
        <span className="segments" role="group" aria-label="Show">
          {views.map((v) => (
            <button key={v} type="button" aria-pressed={v === view} onClick={() => setView(v)}>
              {names[v]}
            </button>
          ))}
        </span>
        {node.hidden ? (
          <Empty title="You may not see it" state="unknown">
            <p>{node.hidden}</p>
          </Empty>
        ) : o.error ? (
          <FaultCard error={o.error} />
        ) : !o.data ? (
          <Waiting lines={3} />
        ) : (
          <Shown o={o.data} view={view} />
        )}
      </div>
    </aside>
  );
}

function Shown({ o, view }: { o: ObjectView; view: View }) {
  if (view === "whole") return <Whole o={o} />;
  if (view === "live") return o.live ? <Yaml text={o.live} redacted={o.redacted} /> : <p className="dim">It is not in the cluster.</p>;
  if (view === "desired")
    return o.desired ? (
      <Yaml text={o.desired} redacted={o.redacted} file={o.file} revision={o.revision} />
    ) : (
      <p className="dim">Git does not have it: another object, or a controller, made it.</p>
    );
  if (view === "fields") return <Managers o={o} />;
  return <Difference o={o} />;
}

function Difference({ o }: { o: ObjectView }) {
  const fields = (o.fields ?? []).filter((f) => !f.healed);
  const undone = (o.fields ?? []).filter((f) => f.healed);
  return (
    <div className="stack" style={{ gap: 10 }}>
      {o.file?.path && (
        <p className="line">
          <span className="dim">In Git</span>
          <code>
            {o.file.path}
            {o.file.line ? `:${o.file.line}` : ""}
          </code>
          <CopyButton text={`${o.file.path}${o.file.line ? `:${o.file.line}` : ""}`} label="copy the place" />
        </p>
      )}
      {!fields.length && (
        <p className="dim">
          {o.desired ? "Every field that Git sets is as Git says." : "Git does not have this object; there is nothing to compare with."}
        </p>
      )}
      <Fields fields={fields} />
      {fields.length > 0 && (
        <p className="dim">
          Restore from Git takes these back. To keep one, commit its live value{o.file?.path ? ` to ${o.file.path}` : ""}.
        </p>
      )}
      {undone.length > 0 && (
        <>
          <h3>Undone of late</h3>
          <Fields fields={undone} />
        </>
      )}
    </div>
  );
}

function Fields({ fields }: { fields: NonNullable<ObjectView["fields"]> }) {
  if (!fields.length) return null;
  return (
    <div className="rows">
      {fields.map((f, i) => (
        <div key={i} className="change">
          <span className="path">{f.field}</span>
          <span className="values">
            {hasValue(f.git) && (
              <span>
                <span className="dim">Git </span>
                <ins>{valueText(f.git)}</ins>
                {f.file && (
                  <span className="dim">
                    {" in "}
                    <code>
                      {f.file.path || "the App's own settings"}
                      {f.file.line ? `:${f.file.line}` : ""}
                    </code>
                    {f.file.says && (
                      <>
                        {" as "}
                        <code>{f.file.says}</code>
                      </>
                    )}
                  </span>
                )}
              </span>
            )}
            {!hasValue(f.git) && f.file?.path && (
              <span className="dim">
                not in Git; what is around it is in <code>{f.file.path}</code>
              </span>
            )}
            {hasValue(f.live) && (
              <span>
                <span className="dim">live </span>
                <del>{valueText(f.live)}</del>
              </span>
            )}
          </span>
          <span className="dim">
            {f.kind} by <b>{f.manager || "somebody unknown"}</b>
            {f.operation ? ` (${f.operation}${f.subresource ? `, ${f.subresource}` : ""})` : ""} {f.time && <Ago at={f.time} />}
            {f.healed && (
              <>
                {" · "}undone <Ago at={f.healed} />
              </>
            )}
          </span>
        </div>
      ))}
    </div>
  );
}

function Managers({ o }: { o: ObjectView }) {
  if (!o.managers?.length) return <p className="dim">The API server has no record of who wrote which field.</p>;
  return (
    <table className="table">
      <thead>
        <tr>
          <th>Who</th>
          <th>How</th>
          <th className="r">Last</th>
        </tr>
      </thead>
      <tbody>
        {o.managers.map((m, i) => (
          <tr key={i}>
            <td>
              <b>{m.manager}</b>
            </td>
            <td className="dim">
              {m.operation}
              {m.subresource ? ` of ${m.subresource}` : ""}
            </td>
            <td className="r">
              <Ago at={m.time} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const shown = 3000;

/** Whole is the object line by line: what Git says, and what is there. */
function Whole({ o }: { o: ObjectView }) {
  const [added, setAdded] = useState(false);
  const lines = useMemo(() => unified(o.desired, o.live, added), [o.desired, o.live, added]);
  return (
    <div className="yaml">
      <div className="line wrap yaml-head">
        <span className="dim">− live, + Git{o.revision && <> at {short(o.revision)}</>}</span>
        <span className="grow" />
        <button type="button" className="button small" aria-pressed={added} onClick={() => setAdded(!added)}>
          Status and defaults
        </button>
      </div>
      <pre tabIndex={0} role="region" aria-label="Difference of the whole object">
        {lines.slice(0, shown).map((l, i) =>
          l.kind === "fold" ? (
            <span key={i} className="yaml-line dim">
              {`… ${plural(l.count, l.only === "same" ? "line that is the same" : "line that only the cluster has", l.only === "same" ? "lines that are the same" : "lines that only the cluster has")}\n`}
            </span>
          ) : l.kind === "same" ? (
            <span key={i} className="yaml-line">{`  ${l.text}\n`}</span>
          ) : l.kind === "git" ? (
            <ins key={i} className="yaml-line">
              <span className="sr">in Git: </span>
              {`+ ${l.text}\n`}
            </ins>
          ) : (
            <del key={i} className="yaml-line">
              <span className="sr">live: </span>
              {`- ${l.text}\n`}
            </del>
          ),
        )}
      </pre>
      {lines.length > shown && <p className="dim">{lines.length - shown} more lines are not shown.</p>}
      {o.redacted && <p className="dim">Values of Secrets are not shown, and not compared here.</p>}
    </div>
  );
}

function Yaml({ text, redacted, file, revision }: { text: string; redacted?: boolean; file?: ObjectView["file"]; revision?: string }) {
  const lines = useMemo(() => text.replace(/\n$/, "").split("\n"), [text]);
  return (
    <div className="yaml">
      <div className="line yaml-head">
        {revision && <span className="dim">at {short(revision)}</span>}
        {file?.path && <code className="cut">{file.path}</code>}
        {redacted && <span className="dim">values of Secrets are not shown</span>}
        <span className="grow" />
        <CopyButton text={text} label="copy the YAML" />
      </div>
      <pre tabIndex={0} role="region" aria-label="YAML">
        {lines.slice(0, shown).map((l, i) => (
          <span key={i} className="yaml-line">
            {spans(l).map(([kind, part], j) => (
              <span key={j} className={kind ? `y-${kind}` : undefined}>
                {part}
              </span>
            ))}
            {"\n"}
          </span>
        ))}
      </pre>
      {lines.length > shown && <p className="dim">{lines.length - shown} more lines; the button copies all.</p>}
    </div>
  );
}
