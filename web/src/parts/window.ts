import { type RefObject, useEffect, useLayoutEffect, useRef, useState } from "react";

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

/**
 * windowOf gives the part that is drawn when a box of a height is scrolled to a place; top is where the first line stands. A list
 * that has become short is seen from its end, where the browser is about to scroll.
 */
export function windowOf(count: number, line: number, at: { scrolled: number; height: number; top: number }): { from: number; to: number } {
  const scrolled = Math.min(at.scrolled, Math.max(0, at.top + count * line - at.height));
  const first = Math.floor((scrolled - at.top) / line / stride) * stride;
  const from = Math.max(0, Math.min(first - stride, count - 1));
  return { from, to: Math.max(from, Math.min(count, first + Math.ceil(at.height / line) + 2 * stride)) };
}

/** Sight is how far a box is scrolled, and how high it is, in pixels. */
type Sight = { scrolled: number; height: number; fast: boolean };

/** useWindow follows the scrolling of a box; above is how much of it is covered by a head that stays. */
export function useWindow(box: RefObject<HTMLElement | null>, o: { count: number; line: number; top: number; above: number }): Window {
  const { count, line, top, above } = o;
  const [sight, setSight] = useState<Sight>({ scrolled: 0, height: 0, fast: false });
  // What is in sight is asked only when it changes: an answer between two changes of the page has all of it laid out.
  useLayoutEffect(() => {
    const e = box.current;
    if (!e) return;
    const look = () => {
      const scrolled = e.scrollTop;
      const height = e.clientHeight;
      setSight((old) => {
        const was = windowOf(Infinity, line, { ...old, top });
        const is = windowOf(Infinity, line, { scrolled, height, top });
        if (was.from === is.from && was.to === is.to) return old;
        return { scrolled, height, fast: old.height > 0 && Math.abs(is.from - was.from) > height / line / 2 };
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
  }, [box, line, top]);
  useEffect(() => {
    if (!sight.fast) return;
    const timer = window.setTimeout(() => setSight((s) => ({ ...s, fast: false })), 80);
    return () => window.clearTimeout(timer);
  }, [sight]);
  const show = (i: number) => {
    const e = box.current;
    if (!e) return;
    const at = top + i * line;
    if (at - above < e.scrollTop) e.scrollTop = at - above;
    else if (at + line > e.scrollTop + e.clientHeight) e.scrollTop = at + line - e.clientHeight;
  };
  const drawn = sight.height ? windowOf(count, line, { ...sight, top }) : { from: 0, to: 0 };
  return { ...drawn, fast: sight.fast, show };
}

/** Slots says which line stands in which row of the page, by their keys. */
export type Slots = { from: number; keys: string[]; slots: number[]; next: number };

export const noSlots: Slots = { from: 0, keys: [], slots: [], next: 0 };

/**
 * slotsOf gives each drawn line a row. A line keeps its own. One that comes takes over the row of the line that stood in its place
 * and is gone, so that a search changes rows rather than making them anew; else it has a new one. Rows so stay in the order of
 * their lines, which is how they are read out.
 */
export function slotsOf(before: Slots, from: number, keys: string[]): Slots {
  const had = new Map(before.keys.map((key, i) => [key, before.slots[i]!]));
  const here = new Set(keys);
  let next = before.next;
  const slots = keys.map((key, i) => {
    const own = had.get(key);
    if (own !== undefined) return own;
    const there = before.keys[from + i - before.from];
    return there !== undefined && !here.has(there) ? had.get(there)! : next++;
  });
  return { from, keys, slots, next };
}

/** useSlots gives the row of each line that is drawn. */
export function useSlots(from: number, keys: string[]): number[] {
  const last = useRef(noSlots);
  const now = slotsOf(last.current, from, keys);
  useLayoutEffect(() => {
    last.current = now;
  });
  return now.slots;
}
