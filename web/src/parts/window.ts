import { type RefObject, useEffect, useLayoutEffect, useState } from "react";

// Of long lists only what is in sight is drawn. Every line has one height, so that nothing needs to be measured.

/** stride is how many lines come and go at once: most frames of a scroll then draw nothing new. */
const stride = 8;

/** Window is the part of a list that is drawn: the lines from, up to and without to. */
export type Window = {
  from: number;
  to: number;
  /** somebody pulls the bar: more than half of what is in sight was not there a frame before, and nobody can read it */
  fast: boolean;
  /** show scrolls until a line is in sight. */
  show: (line: number) => void;
};

/** windowOf gives the part that is drawn when a box of a height is scrolled to a place; top is where the first line stands. */
export function windowOf(count: number, line: number, at: { scrolled: number; height: number; top: number }): { from: number; to: number } {
  const first = Math.floor((at.scrolled - at.top) / line / stride) * stride;
  const from = Math.max(0, Math.min(first - stride, count - 1));
  return { from, to: Math.max(from, Math.min(count, first + Math.ceil(at.height / line) + 2 * stride)) };
}

/** useWindow follows the scrolling of a box; above is how much of it is covered by a head that stays. */
export function useWindow(box: RefObject<HTMLElement | null>, o: { count: number; line: number; top: number; above: number }): Window {
  const { count, line, top, above } = o;
  const [drawn, setDrawn] = useState({ from: 0, to: 0, fast: false });
  useLayoutEffect(() => {
    const e = box.current;
    if (!e) return;
    const look = () => {
      const w = windowOf(count, line, { scrolled: e.scrollTop, height: e.clientHeight, top });
      setDrawn((d) => {
        if (d.from === w.from && d.to === w.to) return d;
        return { ...w, fast: d.to > 0 && Math.abs(w.from - d.from) > e.clientHeight / line / 2 };
      });
    };
    look();
    e.addEventListener("scroll", look, { passive: true });
    const watch = new ResizeObserver(look);
    watch.observe(e);
    return () => {
      e.removeEventListener("scroll", look);
      watch.disconnect();
    };
  }, [box, count, line, top]);
  useEffect(() => {
    if (!drawn.fast) return;
    const timer = window.setTimeout(() => setDrawn((d) => ({ ...d, fast: false })), 80);
    return () => window.clearTimeout(timer);
  }, [drawn]);
  const show = (i: number) => {
    const e = box.current;
    if (!e) return;
    const at = top + i * line;
    if (at - above < e.scrollTop) e.scrollTop = at - above;
    else if (at + line > e.scrollTop + e.clientHeight) e.scrollTop = at + line - e.clientHeight;
  };
  return { from: Math.min(drawn.from, count), to: Math.min(drawn.to, count), fast: drawn.fast, show };
}
