import { type RefObject, useLayoutEffect, useRef } from "react";

/**
 * useStrip is for a row of links that a phone shows in part: the one that is open is brought to its middle, as often as what is given
 * changes. Nothing around the row moves.
 */
export function useStrip(given: string): RefObject<HTMLElement | null> {
  const strip = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    const open = strip.current?.querySelector("[aria-current]");
    if (open) strip.current!.scrollLeft += middleOf(open) - middleOf(strip.current!);
  }, [given]);
  return strip;
}

function middleOf(e: Element): number {
  const { left, width } = e.getBoundingClientRect();
  return left + width / 2;
}
