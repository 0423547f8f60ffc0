// docs/firmware.md is that of the code, and its example is understood.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/load.ts';
import { FIRMWARE_DOCUMENT, renderFirmwareDocument } from './firmware-document.ts';

test('docs/firmware.md is up to date; npm run docs writes it', () => {
  assert.equal(readFileSync(FIRMWARE_DOCUMENT, 'utf8'), renderFirmwareDocument(), 'run npm run docs');
});

test('the example of the document is a configuration', () => {
  const [, example = ''] = /```yaml\n([\s\S]*?)```/.exec(renderFirmwareDocument()) ?? [];
  const parsed = parseConfig(example);
  assert.ok(parsed.ok);
  assert.equal(parsed.config.boot.quirks?.length, 4);
});
