import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The page is built into the folder that the agent's binary embeds. `npm run dev` serves it with a running agent behind it:
// PLUMB_URL=http://127.0.0.1:7420 npm run dev
export default defineConfig({
  plugins: [react()],
  build: {
    outDir: "node_modules/.plumb-page", // scripts/pack.mjs moves it to where the binary embeds it
    emptyOutDir: true,
    target: "es2023",
    cssTarget: ["chrome123", "firefox128", "safari17.5"],
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    manifest: "manifest.json",
  },
  server: {
    proxy: process.env.PLUMB_URL ? { "/api": process.env.PLUMB_URL, "/login": process.env.PLUMB_URL } : {},
  },
});
