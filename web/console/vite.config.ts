import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import mantine from 'postcss-preset-mantine';
import { defineConfig } from 'vite';

const root = fileURLToPath(new URL('.', import.meta.url));
const server = process.env.PARLEY_URL ?? 'http://localhost:8080';

export default defineConfig({
  root,
  plugins: [react()],
  resolve: { tsconfigPaths: true },
  css: { postcss: { plugins: [mantine()] } },
  build: {
    outDir: '../../src/Parley.Server/wwwroot/console',
    emptyOutDir: true,
    target: 'es2023',
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    // A strict content security policy: nothing is inlined as a data: script or font.
    assetsInlineLimit: 0,
    rolldownOptions: {
      output: {
        // A few files that stay the same from release to release, instead of one for each module that two pages share.
        codeSplitting: {
          groups: [
            {
              name: 'framework',
              test: /node_modules\/(react|react-dom|scheduler|react-i18next|i18next|@tanstack)\//,
              priority: 3,
            },
            {
              name: 'components',
              test: /node_modules\/(@mantine|@floating-ui|@tabler|react-[a-z-]+|clsx)\//,
              priority: 2,
            },
            { name: 'common', test: /(console\/src\/(server|ui)|web\/shared)\//, priority: 1 },
          ],
        },
      },
    },
  },
  server: {
    host: '127.0.0.1',
    port: Number(process.env.PORT ?? 5173),
    proxy: {
      '/api': server,
      '/ws': { target: server, ws: true },
      '/widget.js': server,
      '/widget/': server,
    },
  },
});
