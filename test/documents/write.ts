// `npm run docs`: writes the parts of documents that are made from the code.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MADE_PARTS, withMadeParts } from './made-parts.ts';
import { ROOT } from './markdown.ts';

for (const path of Object.keys(MADE_PARTS)) {
  writeFileSync(join(ROOT, path), withMadeParts(path));
  console.log(`written: ${path}`);
}
