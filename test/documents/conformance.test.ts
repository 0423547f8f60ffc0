// docs/reference/dhcp-conformance.md is that of the table.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CONFORMANCE_DOCUMENT, renderConformanceDocument } from './conformance-document.ts';

test('docs/reference/dhcp-conformance.md is up to date; npm run docs writes it', () => {
  assert.equal(readFileSync(CONFORMANCE_DOCUMENT, 'utf8'), renderConformanceDocument(), 'run npm run docs');
});
