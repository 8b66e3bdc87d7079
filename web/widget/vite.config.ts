import { cpSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';
import { defineConfig, type Plugin } from 'vite';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const wwwroot = here('../../src/Parley.Server/wwwroot/');

/** What a page may be made to load, compressed: the button at once, the rest at the click. */
const loaderLimit = 15_000;
const totalLimit = 60_000;

/** The loader is a classic script on somebody else's page: it gets a scope of its own and the panel's hashed name. */
function loader(): Plugin {
  return {
    name: 'parley-widget-loader',
    generateBundle(_, bundle) {
      const chunks = Object.values(bundle).filter((file) => file.type === 'chunk');
      const button = chunks.find((chunk) => chunk.fileName === 'widget.js');
      const panel = chunks.find((chunk) => chunk.name === 'panel');
      if (!button || !panel || chunks.length !== 2)
        this.error(`two files were expected, not ${chunks.map((chunk) => chunk.fileName).join(', ')}`);
      if (button.imports.length > 0 || panel.imports.length > 0)
        this.error('the loader and the panel may share no module: the loader would run twice');
      button.code = `(()=>{${button.code.replaceAll('__PANEL__', JSON.stringify(panel.fileName))}})();`;

      const size = (code: string) => brotliCompressSync(code).length;
      const [first, all] = [size(button.code), size(button.code) + size(panel.code)];
      if (first > loaderLimit || all > totalLimit) this.error(`too large: ${first} bytes at once, ${all} in all`);
      this.info(`widget: ${first} bytes at once, ${all} in all (br)`);
    },
    closeBundle() {
      cpSync(here('../demo'), `${wwwroot}demo`, { recursive: true });
    },
  };
}

export default defineConfig({
  root: here('.'),
  plugins: [loader()],
  resolve: { tsconfigPaths: true },
  build: {
    outDir: `${wwwroot}widget`,
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: false,
    reportCompressedSize: false,
    rollupOptions: {
      preserveEntrySignatures: 'strict',
      input: { widget: here('loader.ts'), panel: here('panel.tsx') },
      output: { entryFileNames: ({ name }) => (name === 'widget' ? 'widget.js' : '[name]-[hash].js') },
    },
  },
});
