const refusals = new Map([
  ["code", "This link was used already, or is too old: it lets one browser in, once. The commands below make a new one."],
  ["link", "A link of another site led here; open the page from the terminal or from here."],
  ["cookies", "Your browser keeps no cookies for this address, and a login needs one."],
  ["provider", "Your organisation's login does not answer. Try again in a moment."],
  ["oidc", "Your organisation's login was not accepted; the agent's log says why. Try again."],
]);

/** refusal says why nobody was logged in. The word stands in the address, which anybody can write: it is never shown itself. */
export const refusal = (word: string): string => refusals.get(word) ?? "Nobody was signed in. Try again.";
