import { useState } from "react";
import { Dialog } from "../parts/dialog.tsx";
import { keysOn, setKeys } from "./keys.ts";
import { pages } from "./shell.tsx";

const everywhere: [string, string[]][] = [
  ["Search or jump to", ["Ctrl", "K"]],
  ["Search this page", ["/"]],
  ["Copy the link", ["y"]],
  ["These keys", ["?"]],
];
const grid: [string, string[]][] = [
  ["Move in the matrix", ["←", "↑", "↓", "→"]],
  ["First, last", ["Home", "End"]],
  ["Open beside", ["Enter"]],
  ["Open its page", ["o"]],
  ["Close", ["Esc"]],
];
const app: [string, string[]][] = [
  ["Resources", ["r"]],
  ["Drift", ["d"]],
  ["History", ["h"]],
  ["Logs", ["l"]],
  ["Events", ["e"]],
];

function Keys({ title, rows }: { title: string; rows: [string, string[]][] }) {
  return (
    <section>
      <h3>{title}</h3>
      {rows.map(([what, keys]) => (
        <div key={what}>
          <span className="dim">{what}</span>
          <span>
            {keys.map((k) => (
              <kbd key={k}>{k}</kbd>
            ))}
          </span>
        </div>
      ))}
    </section>
  );
}

export default function Help({ onClose }: { onClose: () => void }) {
  const [on, setOn] = useState(keysOn());
  return (
    <Dialog title="Keys" onClose={onClose}>
      <div className="keys">
        <Keys title="Everywhere" rows={everywhere} />
        <Keys title="Go to" rows={pages.map((p) => [p.name, ["g", p.key]])} />
        <Keys title="Fleet" rows={grid} />
        <Keys title="App" rows={app} />
      </div>
      <label className="line">
        <input
          type="checkbox"
          checked={on}
          onChange={(e) => {
            setKeys(e.target.checked);
            setOn(e.target.checked);
          }}
        />
        Single keys are shortcuts (Ctrl K always is)
      </label>
      <footer>
        <button type="button" className="button first" onClick={onClose}>
          Close
        </button>
      </footer>
    </Dialog>
  );
}
