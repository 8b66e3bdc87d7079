import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect, it } from 'vitest';

const source = join(process.cwd(), 'console/src');
const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => /\.tsx?$/.test(file));

/** The part of the console that a file stands in: a feature by its name, else the folder. */
function placeOf(file: string): string {
  const [folder = '', name = ''] = file.split('/');
  return folder === 'features' ? `features/${name}` : folder;
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(source, file), 'utf8');
  return [...text.matchAll(/(?:from|import\()\s*'([^']+)'/g)].flatMap(([, path = '']) => {
    if (path.startsWith('@/')) return [path.slice(2)];
    return path.startsWith('.') ? [relative(source, join(source, file, '..', path))] : [];
  });
}

const crossings = (isForbidden: (from: string, to: string) => boolean) =>
  files.flatMap((file) =>
    importsOf(file)
      .filter((target) => isForbidden(placeOf(file), placeOf(target)))
      .map((target) => `${file} -> ${target}`),
  );

it('finds the imports it judges', () => {
  expect(importsOf('app/router.tsx')).toContain('features/inbox/inbox-search');
});

it('no feature knows another', () => {
  expect(crossings((from, to) => from.startsWith('features/') && to.startsWith('features/') && from !== to)).toEqual(
    [],
  );
});

it('only the app knows the features, and nothing below knows the app', () => {
  const below = ['server', 'ui', 'i18n'];
  expect(crossings((from, to) => below.includes(from) && (to.startsWith('features/') || to === 'app'))).toEqual([]);
  expect(crossings((from, to) => from.startsWith('features/') && to === 'app')).toEqual([]);
});
