// Puts the API page together: ours and Swagger UI's files.
import { cp, mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ours = fileURLToPath(new URL('../docs/', import.meta.url));
const swagger = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
const target = fileURLToPath(new URL('../../src/Parley.Server/wwwroot/docs/', import.meta.url));

await mkdir(target, { recursive: true });
await cp(ours, target, { recursive: true });
for (const file of ['swagger-ui-bundle.js', 'swagger-ui.css', 'favicon-32x32.png'])
  await cp(join(swagger, file), join(target, file));
