import { queryOptions } from "@tanstack/react-query";
import { get } from "./client.ts";
import type {
  AppView,
  ChangePage,
  ChangeView,
  Cluster,
  DriftView,
  EventLine,
  Figures,
  HistoryPage,
  LoginWays,
  Me,
  ObjectView,
  PullPlan,
  PullRow,
  RepoRow,
  Resources,
  RevertPreview,
} from "./types.ts";

// What is read besides the fleet and its stream. The first word of a key is what the stream calls stale.

export const me = queryOptions({ queryKey: ["me"], queryFn: ({ signal }) => get<Me>(["me"], {}, signal), staleTime: 60_000 });
export const loginWays = queryOptions({ queryKey: ["login"], queryFn: ({ signal }) => get<LoginWays>(["login"], {}, signal) });
export const repos = (q = "") =>
  queryOptions({
    queryKey: ["repos", q],
    queryFn: ({ signal }) => whole<RepoRow>(["repos"], signal, q),
    placeholderData: (old) => old,
  });
export const clusters = queryOptions({
  queryKey: ["clusters"],
  queryFn: ({ signal }) => whole<Cluster>(["clusters"], signal),
  refetchInterval: 15_000,
});
export const pulls = (q = "") =>
  queryOptions({
    queryKey: ["pulls", q],
    queryFn: ({ signal }) => whole<PullRow>(["pulls"], signal, q),
    placeholderData: (old) => old,
  });
export const drift = (q = "") =>
  queryOptions({
    queryKey: ["drift", q],
    queryFn: ({ signal }) => get<DriftView>(["drift"], { q, limit: 1 }, signal), // the groups tell it
    placeholderData: (old) => old,
  });

/** whole reads a list to its end, however many pages it has. */
async function whole<T>(parts: string[], signal: AbortSignal, q = ""): Promise<T[]> {
  const all: T[] = [];
  for (let cursor: string | undefined = ""; cursor !== undefined; ) {
    const page: { items: T[]; next?: string } = await get(parts, { q, cursor }, signal);
    all.push(...page.items);
    cursor = page.next;
  }
  return all;
}

const items = <T>(page: { items: T[] } | T[]): T[] => (Array.isArray(page) ? page : page.items);
const idOf = (id: string): string[] => ["apps", ...id.split("/")];

export const app = (id: string) => queryOptions({ queryKey: ["app", id], queryFn: ({ signal }) => get<AppView>(idOf(id), {}, signal) });
export const resources = (id: string) =>
  queryOptions({
    queryKey: ["app", id, "resources"],
    queryFn: ({ signal }) => get<Resources>([...idOf(id), "resources"], { children: 1 }, signal),
    refetchInterval: 5000,
  });
export const events = (id: string) =>
  queryOptions({
    queryKey: ["app", id, "events"],
    queryFn: ({ signal }) => get<{ items: EventLine[] }>([...idOf(id), "events"], {}, signal).then(items),
    refetchInterval: 5000,
  });
export const history = (id: string, limit = 50) =>
  queryOptions({
    queryKey: ["app", id, "history", limit],
    queryFn: ({ signal }) => get<HistoryPage>([...idOf(id), "history"], { limit }, signal),
  });
export const object = (id: string, o: { group: string; version: string; kind: string; namespace: string; name: string }) =>
  queryOptions({
    queryKey: ["app", id, "object", o],
    queryFn: ({ signal }) => get<ObjectView>([...idOf(id), "object"], o, signal),
    refetchInterval: 5000,
  });
export const changes = (query: Record<string, string | number | undefined>) =>
  queryOptions({ queryKey: ["changes", query], queryFn: ({ signal }) => get<ChangePage>(["changes"], query, signal) });
export const change = (repo: string, commit: string) =>
  queryOptions({ queryKey: ["changes", repo, commit], queryFn: ({ signal }) => get<ChangeView>(["changes", commit], { repo }, signal) });
export const revertPreview = (id: string) =>
  queryOptions({
    queryKey: ["revert", id],
    queryFn: ({ signal }) => get<RevertPreview>([...idOf(id), "revert"], {}, signal),
    staleTime: 30_000,
    retry: false,
  });
export const pull = (repo: string, number: string) =>
  queryOptions({
    queryKey: ["pulls", repo, number],
    queryFn: ({ signal }) => get<PullPlan>(["pulls", ...repo.split("/"), number], {}, signal),
  });
export const figures = (query: Record<string, string | number | undefined>) =>
  queryOptions({ queryKey: ["figures", query], queryFn: ({ signal }) => get<Figures>(["figures"], query, signal) });
