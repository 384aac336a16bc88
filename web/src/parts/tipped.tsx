import { useId } from "react";

/** Tipped gives something a sentence that is shown to whoever points at it or reaches it by keys, and is read out to others. */
export function Tipped({ tip, children }: { tip: string | undefined; children: (describedBy: string | undefined) => React.ReactNode }) {
  const id = useId();
  if (!tip) return <>{children(undefined)}</>;
  return (
    <span className="tipped">
      {children(id)}
      <span role="tooltip" id={id} className="tip">
        {tip}
      </span>
    </span>
  );
}
