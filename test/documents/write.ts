// `npm run docs`: writes the documents that are made from the code.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { EVENTS_DOCUMENT, renderEventsDocument } from './events-document.ts';

mkdirSync(dirname(EVENTS_DOCUMENT), { recursive: true });
writeFileSync(EVENTS_DOCUMENT, renderEventsDocument());
console.log(`written: ${EVENTS_DOCUMENT}`);
