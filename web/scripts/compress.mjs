// Writes a .br and a .gz beside each built text file, so that the server never compresses a static file itself.
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

const brotli = promisify(brotliCompress);
const zip = promisify(gzip);
const wwwroot = fileURLToPath(new URL('../../src/Parley.Server/wwwroot/', import.meta.url));
const texts = new Set(['.html', '.js', '.css', '.svg', '.json', '.txt', '.webmanifest']);

async function* walk(folder) {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* walk(path);
    else yield path;
  }
}

let plain = 0;
let compressed = 0;

async function compress(path) {
  const bytes = await readFile(path);
  const [br, gz] = await Promise.all([
    brotli(bytes, {
      params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
    }),
    zip(bytes, { level: 9 }),
  ]);
  for (const [suffix, data] of [
    ['.br', br],
    ['.gz', gz],
  ]) {
    if (data.length < bytes.length) await writeFile(path + suffix, data);
    else await rm(path + suffix, { force: true });
  }
  plain += bytes.length;
  compressed += Math.min(br.length, bytes.length);
}

const files = [];
for await (const path of walk(wwwroot)) {
  if (texts.has(extname(path)) && (await stat(path)).size > 256) files.push(path);
}
await Promise.all(files.map(compress));
console.log(
  `compressed ${files.length} files: ${Math.round(plain / 1024)} kB -> ${Math.round(compressed / 1024)} kB (br)`,
);
