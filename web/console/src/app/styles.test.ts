import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const source = join(process.cwd(), 'console/src');
const styles = join(process.cwd(), 'node_modules/@mantine/core/styles');

it('every Mantine component that is used brings its styles', () => {
  const used = readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.tsx'))
    .flatMap((file) => {
      const imports =
        readFileSync(join(source, file), 'utf8').match(/import \{([^}]*)\} from '@mantine\/core'/)?.[1] ?? '';
      return imports.split(',').map((name) => name.trim());
    })
    .filter((name) => existsSync(join(styles, `${name}.css`)));
  const imported = readFileSync(join(source, 'app/styles.ts'), 'utf8');

  expect(used.length).toBeGreaterThan(20);
  expect([...new Set(used)].filter((name) => !imported.includes(`/${name}.css`))).toEqual([]);
});
