// `npm run docs`: writes the documents that are made from the code.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { EVENTS_DOCUMENT, renderEventsDocument } from './events-document.ts';
import { PRESEEDS_DOCUMENT, renderPreseedsDocument } from './preseeds-document.ts';

for (const [path, text] of [
  [EVENTS_DOCUMENT, renderEventsDocument()],
  [PRESEEDS_DOCUMENT, renderPreseedsDocument()],
] as const) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  console.log(`written: ${path}`);
}
