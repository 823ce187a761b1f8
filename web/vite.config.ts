import { defineConfig } from "vite";

// One build for all pages. Scripts, styles and images are files of this host: the policy of the pages
// permits nothing else, so nothing is inlined.
export default defineConfig({
  root: import.meta.dirname,
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "dist",
    emptyOutDir: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: { chat: "chat.html", admin: "admin.html" },
    },
  },
});
