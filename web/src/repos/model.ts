import type { RepoRow } from "../api/types.ts";

export const hookKinds = ["github", "gitlab", "gitea", "generic"] as const;
export type HookKind = (typeof hookKinds)[number];

/** repoState gives the glyph of a Repo's state. */
export const repoState = (s: string): string => ({ ok: "ok", failed: "failed", deciding: "rolling", new: "waiting" })[s] ?? "unknown";
export const repoWord = (s: string): string => ({ ok: "read", failed: "failed", deciding: "deciding", new: "not read yet" })[s] ?? s;

/** hookSteps says how a webhook is set up at a forge, with what belongs to this Repo filled in. */
export function hookSteps(
  r: Pick<RepoRow, "namespace" | "name" | "hookPath" | "webhook">,
  kind: HookKind,
  origin: string,
): { text: string; command?: string }[] {
  const secret = r.webhook?.secretName ?? `${r.name}-hook`;
  const steps = [
    {
      text: "Make a secret, and keep what it prints for the forge.",
      command: `SECRET=$(openssl rand -hex 32); echo "$SECRET"; kubectl -n ${r.namespace} create secret generic ${secret} --from-literal=secret="$SECRET"`,
    },
    {
      text: "Name it on the Repo.",
      command: `kubectl -n ${r.namespace} patch repo ${r.name} --type merge -p '{"spec":{"webhook":{"secret":"${secret}","kind":"${kind}"}}}'`,
    },
  ];
  const address = origin + r.hookPath;
  const where: Record<HookKind, string> = {
    github:
      "At GitHub: Settings, Webhooks, Add webhook. Content type application/json, the secret from above, and the events push and pull request. The payload URL:",
    gitlab: "At GitLab: Settings, Webhooks. The secret token from above, and the triggers push and merge request events. The URL:",
    gitea: "At Gitea: Settings, Webhooks, Add Webhook, Gitea. The secret from above, and the events push and pull request. The target URL:",
    generic: "From a pipeline: POST the body, signed with HMAC-SHA256 (hex) in the header X-Plumb-Signature-256, to:",
  };
  return [...(r.webhook ? [] : steps), { text: where[kind], command: address }];
}
