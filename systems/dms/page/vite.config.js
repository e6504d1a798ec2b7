import { defineConfig } from "vite";

export default defineConfig({
  esbuild: { jsx: "automatic" },
  // The policy of the site lets nothing come from `data:`.
  build: { assetsInlineLimit: 0 },
});
