// What the documents show as configuration is configuration: people copy it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { formatProblems, parseConfig } from '../../src/config/load.ts';

for (const name of ['dhcp-reservations-and-classes.md', 'security.md']) {
  const text = readFileSync(join(import.meta.dirname, '../../docs', name), 'utf8');
  const blocks = [...text.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, block = '']) => block);
  test(`docs/${name} shows configuration`, () => assert.ok(blocks.length > 0));
  for (const [index, block] of blocks.entries())
    test(`example ${index + 1} of docs/${name} is accepted as it stands`, () => {
      const parsed = parseConfig(block);
      assert.ok(parsed.ok, parsed.ok ? '' : formatProblems(name, parsed.problems));
    });
}
