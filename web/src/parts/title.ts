import { useEffect } from "react";

/** useTitle names the tab; it begins with a state where there is one. */
export function useTitle(title: string) {
  useEffect(() => {
    document.title = title ? `${title} · plumb` : "plumb";
  }, [title]);
}
