/** nextKey names where somebody wanted to go before they signed in: it is kept for this tab, and used once. */
export const nextKey = "plumb.next";

export function takeNext(): string {
  const next = sessionStorage.getItem(nextKey) ?? "";
  sessionStorage.removeItem(nextKey);
  return next.startsWith("/") && !next.startsWith("//") ? next : "";
}
