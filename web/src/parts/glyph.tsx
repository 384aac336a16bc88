import { asState, type State, word } from "../words.ts";

// Each state has a form of its own, so that colour is never needed to tell them apart.
const forms: Record<Exclude<State, "ok">, React.ReactNode> = {
  failed: <path d="M3.500 3.500l7 7M10.500 3.500l-7 7" fill="none" stroke="currentColor" strokeWidth="2" strokeLinecap="round" />,
  drifted: (
    <path
      d="M2.500 5.200h9M2.500 8.800h9M9.300 2.300L4.700 11.700"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.600"
      strokeLinecap="round"
    />
  ),
  rolling: (
    <>
      <circle cx="7" cy="7" r="5.200" fill="none" stroke="currentColor" strokeWidth="1.500" />
      <path d="M7 1.800a5.200 5.200 0 0 1 0 10.400z" fill="currentColor" />
    </>
  ),
  waiting: (
    <>
      <circle cx="7" cy="7" r="5.200" fill="none" stroke="currentColor" strokeWidth="1.500" />
      <path d="M7 4.200V7l2 1.400" fill="none" stroke="currentColor" strokeWidth="1.500" strokeLinecap="round" strokeLinejoin="round" />
    </>
  ),
  paused: <path d="M5 3v8M9 3v8" fill="none" stroke="currentColor" strokeWidth="2.200" strokeLinecap="round" />,
  unknown: (
    <>
      <circle cx="7" cy="7" r="5.200" fill="none" stroke="currentColor" strokeWidth="1.300" strokeDasharray="2.200 1.880" />
      <path
        d="M5.600 5.700a1.450 1.450 0 1 1 1.900 1.400c-.35.12-.5.34-.5.7"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.300"
        strokeLinecap="round"
      />
      <circle cx="7" cy="9.600" r=".8" fill="currentColor" />
    </>
  ),
};

/** GlyphSheet holds each form once; Glyph only refers to it. It stands once in the page. */
export function GlyphSheet() {
  return (
    <svg className="sr" aria-hidden="true">
      {Object.entries(forms).map(([s, form]) => (
        <symbol key={s} id={`g-${s}`} viewBox="0 0 14 14">
          {form}
        </symbol>
      ))}
    </svg>
  );
}

export function Glyph({ state, className = "" }: { state: string; className?: string }) {
  const s = asState(state);
  // Nearly everything is well nearly always: a round box costs the browser a tenth of a drawing.
  if (s === "ok") return <i className={`glyph g-ok s-ok ${className}`} aria-hidden="true" />;
  return (
    <svg className={`glyph s-${s} ${className}`} aria-hidden="true">
      <use href={`#g-${s}`} />
    </svg>
  );
}

/** StateWord is glyph and word. */
export function StateWord({ state }: { state: string }) {
  return (
    <span className={`state s-${asState(state)}`}>
      <Glyph state={state} />
      {word(state)}
    </span>
  );
}

export function StatePill({ state, children }: { state: string; children?: React.ReactNode }) {
  return (
    <span className={`pill s-${asState(state)}`}>
      <Glyph state={state} />
      {children ?? word(state)}
    </span>
  );
}

const icons = {
  search: "M6.200 10.400a4.200 4.200 0 1 0 0-8.400 4.200 4.200 0 0 0 0 8.400zM9.400 9.400L12.500 12.500",
  close: "M3.500 3.500l7 7M10.500 3.500l-7 7",
  copy: "M5 5V2.500h6.500V9H9M2.500 5H9v6.500H2.500z",
  right: "M5 3l4 4-4 4",
  down: "M3 5l4 4 4-4",
  out: "M5.500 3H3v8h8V8.500M8 3h3v3M11 3L6.500 7.500",
  sync: "M11.500 7a4.500 4.500 0 0 1-8.200 2.500M2.500 7a4.500 4.500 0 0 1 8.200-2.500M10.900 2v2.700H8.200M3.100 12V9.300h2.700",
  undo: "M5 3L2.500 5.500 5 8M2.500 5.500H8a3.200 3.200 0 0 1 0 6.400H5.500",
  pause: "M5 3v8M9 3v8",
  play: "M4.500 3l6 4-6 4z",
  check: "M3 7.500l2.700 2.700L11 4.500",
  help: "M5.200 5.300a1.850 1.850 0 1 1 2.500 1.750c-.5.2-.7.5-.7.950M7 10.300v.1",
  pull: "M3.500 4.500v5M3.500 4.500a1.250 1.250 0 1 0 0-2.500 1.250 1.250 0 0 0 0 2.500zM3.500 12a1.250 1.250 0 1 0 0-2.500 1.250 1.250 0 0 0 0 2.500zM10.500 12a1.250 1.250 0 1 0 0-2.500 1.250 1.250 0 0 0 0 2.500zM10.500 9.500V6a2 2 0 0 0-2-2H7M8.300 2.600L6.900 4l1.400 1.400",
  commit: "M7 9.300a2.300 2.300 0 1 0 0-4.600 2.300 2.300 0 0 0 0 4.600zM1.500 7h3.200M9.300 7h3.200",
} as const;

export type IconName = keyof typeof icons;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="glyph" viewBox="0 0 14 14" aria-hidden="true">
      <path d={icons[name]} fill="none" stroke="currentColor" strokeWidth="1.400" strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  );
}
