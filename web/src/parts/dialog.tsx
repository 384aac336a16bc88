import { useEffect, useRef } from "react";

/** Dialog is a modal window. The browser keeps the focus in it, gives it back, and closes it with Escape. */
export function Dialog(p: { title: string; onClose: () => void; children: React.ReactNode; className?: string; bare?: boolean }) {
  const ref = useRef<HTMLDialogElement>(null);
  const close = useRef(p.onClose);
  close.current = p.onClose;
  useEffect(() => {
    const dialog = ref.current!;
    dialog.showModal();
    return () => dialog.close();
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape does the same
    <dialog
      ref={ref}
      aria-label={p.title}
      className={p.className}
      onCancel={(e) => {
        e.preventDefault();
        close.current();
      }}
      onClick={(e) => {
        if (e.target === ref.current) close.current();
      }}
    >
      {p.bare ? (
        p.children
      ) : (
        <div className="dialog">
          <h2>{p.title}</h2>
          {p.children}
        </div>
      )}
    </dialog>
  );
}
