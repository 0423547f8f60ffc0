// `npm run docs`: writes the documents that are made from the code.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { BOUNDS_DOCUMENT, renderBoundsDocument } from './bounds-document.ts';
import { CONFORMANCE_DOCUMENT, renderConformanceDocument } from './conformance-document.ts';
import { DHCP_OPTIONS_DOCUMENT, renderDhcpOptionsDocument } from './dhcp-options-document.ts';
import { EVENTS_DOCUMENT, renderEventsDocument } from './events-document.ts';
import { FIRMWARE_DOCUMENT, renderFirmwareDocument } from './firmware-document.ts';
import { PRESEEDS_DOCUMENT, renderPreseedsDocument } from './preseeds-document.ts';

for (const [path, text] of [
  [BOUNDS_DOCUMENT, renderBoundsDocument()],
  [CONFORMANCE_DOCUMENT, renderConformanceDocument()],
  [DHCP_OPTIONS_DOCUMENT, renderDhcpOptionsDocument()],
  [EVENTS_DOCUMENT, renderEventsDocument()],
  [FIRMWARE_DOCUMENT, renderFirmwareDocument()],
  [PRESEEDS_DOCUMENT, renderPreseedsDocument()],
] as const) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  console.log(`written: ${path}`);
}
