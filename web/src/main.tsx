import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { createRoot } from "react-dom/client";
import { client } from "./live/connection.tsx";
import { router } from "./router.tsx";
import { setTheme, theme } from "./shell/theme.ts";

setTheme(theme());
createRoot(document.getElementById("page")!).render(
  <QueryClientProvider client={client}>
    <RouterProvider router={router} />
  </QueryClientProvider>,
);
