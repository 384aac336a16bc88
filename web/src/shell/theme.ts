export const themes = ["system", "light", "dark"] as const;
export type Theme = (typeof themes)[number];
const store = "plumb.theme";

export const theme = (): Theme => {
  const t = localStorage.getItem(store);
  return t === "light" || t === "dark" ? t : "system";
};

/** setTheme keeps the choice in this browser; system follows the machine. */
export function setTheme(t: Theme) {
  if (t === "system") {
    localStorage.removeItem(store);
    delete document.documentElement.dataset.theme;
  } else {
    localStorage.setItem(store, t);
    document.documentElement.dataset.theme = t;
  }
}
