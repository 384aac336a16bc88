import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  type RouteComponent,
  useNavigate,
  useRouterState,
} from "@tanstack/react-router";
import { useCallback, useEffect, useRef, useState } from "react";
import { FleetPage } from "./fleet/page.tsx";
import { parseSearch, type Search, stringifySearch } from "./search.ts";
import { NotFound, Shell, Trouble } from "./shell/shell.tsx";

// The addresses of the page. The first one is loaded at once, every other when somebody goes there.

const rootRoute = createRootRoute({
  component: Shell,
  notFoundComponent: NotFound,
  errorComponent: Trouble,
  validateSearch: (s: Record<string, unknown>): Search => s as Search,
});
const page = <P extends string>(path: P, component: RouteComponent) => createRoute({ getParentRoute: () => rootRoute, path, component });

const app = () => import("./app/page.tsx");
const changes = () => import("./changes/page.tsx");
const pulls = () => import("./pulls/page.tsx");
const others = () => import("./repos/page.tsx");

const routeTree = rootRoute.addChildren([
  page("/", FleetPage),
  page("/app/$namespace/$name", lazyRouteComponent(app, "AppPage")),
  page("/app/$namespace/$name/$tab", lazyRouteComponent(app, "AppPage")),
  page("/changes", lazyRouteComponent(changes, "ChangesPage")),
  page("/c/$namespace/$repo/$commit", lazyRouteComponent(changes, "CommitPage")),
  page("/pulls", lazyRouteComponent(pulls, "PullsPage")),
  page("/pr/$namespace/$repo/$number", lazyRouteComponent(pulls, "PullPage")),
  page(
    "/drift",
    lazyRouteComponent(() => import("./drift/page.tsx"), "DriftPage"),
  ),
  page("/repos", lazyRouteComponent(others, "ReposPage")),
  page(
    "/clusters",
    lazyRouteComponent(() => import("./clusters/page.tsx"), "ClustersPage"),
  ),
  page(
    "/figures",
    lazyRouteComponent(() => import("./figures/page.tsx"), "FiguresPage"),
  ),
  page(
    "/login",
    lazyRouteComponent(() => import("./login/page.tsx"), "LoginPage"),
  ),
]);

export const router = createRouter({
  routeTree,
  parseSearch,
  stringifySearch,
  scrollRestoration: false,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}

/** useSearch gives what the address says, and a function that changes some of it; typing replaces, choosing adds to the history. */
export function useAddress(): [Search, (change: Record<string, string | undefined>, replace?: boolean) => void] {
  const search = useRouterState({ select: (s) => s.location.search as Search });
  const navigate = useNavigate();
  const change = useCallback(
    (changes: Record<string, string | undefined>, replace = false) => {
      const next: Record<string, string | undefined> = { ...(router.state.location.search as Search), ...changes };
      for (const k of Object.keys(next)) if (!next[k]) delete next[k];
      void navigate({ to: router.state.location.pathname as string, search: next as Search, replace } as never);
    },
    [navigate],
  );
  return [search, change];
}

/** settled is how long, in milliseconds, nobody types before what is typed stands in the address. */
const settled = 250;

/**
 * useTyped holds what is typed into a field that has a place in the address: it is shown and found at once, and the address follows
 * when the typing rests. Where the address changes by itself, the field follows it.
 */
export function useTyped(value: string, change: (value: string) => void): [string, (text: string) => void] {
  const [text, setText] = useState(value);
  const [known, setKnown] = useState(value);
  const own = useRef(value); // what the address says because of what was typed
  const last = useRef(change);
  const timer = useRef(0);
  if (value !== known) {
    setKnown(value);
    if (value !== own.current) {
      own.current = value;
      setText(value);
    }
  }
  useEffect(() => {
    last.current = change;
  });
  useEffect(() => () => window.clearTimeout(timer.current), []);
  const type = useCallback((text: string) => {
    setText(text);
    window.clearTimeout(timer.current);
    timer.current = window.setTimeout(() => {
      own.current = text;
      last.current(text);
    }, settled);
  }, []);
  return [text, type];
}

/** go leads to an address given as text. */
export function go(href: string) {
  void router.navigate({ href } as never);
}
