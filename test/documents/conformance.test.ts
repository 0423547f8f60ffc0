// docs/dhcp-conformance.md is that of the table.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CONFORMANCE_DOCUMENT, renderConformanceDocument } from './conformance-document.ts';

test('docs/dhcp-conformance.md is what the table says; npm run docs writes it anew', () => {
  assert.equal(readFileSync(CONFORMANCE_DOCUMENT, 'utf8'), renderConformanceDocument(), 'run npm run docs');
});
