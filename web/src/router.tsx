import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  type RouteComponent,
  useNavigate,
  useRouterState,
} from "@tanstack/react-router";
import { useCallback } from "react";
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

/** go leads to an address given as text. */
export function go(href: string) {
  void router.navigate({ href } as never);
}
