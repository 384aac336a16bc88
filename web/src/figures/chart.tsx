import { useId, useState } from "react";
import { ceilNice, countTicks, linePath } from "./scale.ts";

const width = 520;
const height = 140;
const left = 44;
const bottom = 20;
const top = 8;

type Frame = {
  label: string;
  days: string[];
  max: number;
  ticks: number[];
  format: (n: number) => string;
  children: (x: (i: number) => number, y: (v: number) => number, step: number) => React.ReactNode;
  told: (i: number) => string;
};

/** Frame draws the axes, says what it shows in words, and tells the values of the day that is pointed at. The table below says all. */
function Frame({ label, days, max, ticks, format, children, told }: Frame) {
  const [at, setAt] = useState(-1);
  const step = (width - left) / Math.max(1, days.length);
  const x = (i: number) => left + step * i + step / 2;
  const y = (v: number) => top + (height - top - bottom) * (1 - v / max);
  return (
    <figure className="chart">
      <svg
        viewBox={`0 0 ${width} ${height}`}
        role="img"
        aria-label={label}
        onPointerMove={(e) => {
          const box = e.currentTarget.getBoundingClientRect();
          const i = Math.floor((((e.clientX - box.left) / box.width) * width - left) / step);
          setAt(i >= 0 && i < days.length ? i : -1);
        }}
        onPointerLeave={() => setAt(-1)}
      >
        {ticks.map((v) => (
          <g key={v}>
            <line x1={left} x2={width} y1={y(v)} y2={y(v)} className="chart-rule" />
            <text x={left - 6} y={y(v) + 4} textAnchor="end">
              {format(v)}
            </text>
          </g>
        ))}
        {at >= 0 && <rect x={left + step * at} y={top} width={step} height={height - top - bottom} className="chart-at" />}
        {children(x, y, step)}
        <text x={left} y={height - 4}>
          {dayText(days[0])}
        </text>
        <text x={width} y={height - 4} textAnchor="end">
          {dayText(days[days.length - 1])}
        </text>
      </svg>
      <figcaption className="dim num">{at >= 0 ? `${dayText(days[at])}: ${told(at)}` : "\u00a0"}</figcaption>
      <details>
        <summary>As a table</summary>
        <ul className="num">{days.map((d, i) => (told(i) ? <li key={d}>{`${dayText(d)}: ${told(i)}`}</li> : null))}</ul>
      </details>
    </figure>
  );
}

const dayText = (day: string | undefined): string =>
  day ? new Date(`${day}T00:00:00Z`).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" }) : "";

type Series = { name: string; values: (number | undefined)[]; tone: string; dashed?: boolean };

/** Key says which drawing is which: by form, so that nobody needs the colours. */
function Key({ children }: { children: React.ReactNode }) {
  return (
    <p className="chart-key dim" aria-hidden="true">
      {children}
    </p>
  );
}

export function Lines({ label, days, series, format }: { label: string; days: string[]; series: Series[]; format: (n: number) => string }) {
  const max = ceilNice(Math.max(1, ...series.flatMap((s) => s.values.map((v) => v ?? 0))));
  const told = (i: number) =>
    series
      .filter((s) => s.values[i] !== undefined)
      .map((s) => `${s.name} ${format(s.values[i]!)}`)
      .join(", ");
  return (
    <>
      <Frame label={label} days={days} max={max} ticks={[0, max / 2, max]} format={format} told={told}>
        {(x, y) =>
          series.map((s) => (
            <g key={s.name} className={`s-${s.tone}`}>
              <path d={linePath(s.values, x, y)} fill="none" stroke="currentColor" strokeWidth="1.600" strokeDasharray={dashes(s)} />
              {s.values.map((v, i) => (v === undefined ? null : <Mark key={i} x={x(i)} y={y(v)} square={s.dashed} />))}
            </g>
          ))
        }
      </Frame>
      <Key>
        {series.map((s) => (
          <span key={s.name} className="line">
            <svg aria-hidden="true" width="28" height="10" className={`s-${s.tone}`}>
              <path d="M0 5H28" stroke="currentColor" strokeWidth="1.600" strokeDasharray={dashes(s)} />
              <Mark x={14} y={5} square={s.dashed} />
            </svg>
            {s.name}
          </span>
        ))}
      </Key>
    </>
  );
}

const dashes = (s: Series): string | undefined => (s.dashed ? "5 3" : undefined);

function Mark({ x, y, square }: { x: number; y: number; square?: boolean }) {
  if (square) return <rect x={x - 2.6} y={y - 2.6} width="5.200" height="5.200" className="mark-open" />;
  return <circle cx={x} cy={y} r="2.400" fill="currentColor" />;
}

export function Bars({
  label,
  days,
  total,
  part,
  names,
}: {
  label: string;
  days: string[];
  total: number[];
  part: number[];
  names: [string, string];
}) {
  const max = ceilNice(Math.max(1, ...total));
  const hatch = useId();
  const told = (i: number) => {
    const ok = total[i]! - part[i]!;
    return [names[0] && ok ? `${ok} ${names[0]}` : "", part[i] ? `${part[i]} ${names[1]}` : ""].filter(Boolean).join(", ");
  };
  const bad = { fill: `url(#${hatch})` };
  return (
    <>
      <Frame label={label} days={days} max={max} ticks={countTicks(max)} format={String} told={told}>
        {(x, y, step) =>
          days.map((d, i) => (
            <g key={d}>
              {total[i]! > part[i]! && (
                <rect
                  x={x(i) - step * 0.36}
                  width={step * 0.72}
                  y={y(total[i]!)}
                  height={y(part[i]!) - y(total[i]!)}
                  className="bar-ok"
                  rx="1"
                />
              )}
              {part[i]! > 0 && (
                <rect
                  x={x(i) - step * 0.36}
                  width={step * 0.72}
                  y={y(part[i]!)}
                  height={y(0) - y(part[i]!)}
                  className="bar-bad"
                  {...bad}
                  rx="1"
                />
              )}
            </g>
          ))
        }
      </Frame>
      <Key>
        {names[0] && (
          <span className="line">
            <svg aria-hidden="true" width="14" height="10">
              <rect width="14" height="10" className="bar-ok" rx="1" />
            </svg>
            {names[0]}
          </span>
        )}
        <span className="line">
          <svg aria-hidden="true" width="14" height="10">
            <pattern id={hatch} width="4" height="4" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
              <rect width="4" height="4" className="hatch-back" />
              <rect width="2" height="4" className="hatch-line" />
            </pattern>
            <rect x="0.500" y="0.500" width="13" height="9" className="bar-bad" {...bad} rx="1" />
          </svg>
          {names[1]}
        </span>
      </Key>
    </>
  );
}
