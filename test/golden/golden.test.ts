// What others depend on is as fixtures/golden says; `write.ts` stores a wanted difference.
// @host waits, 80 s

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { missing } from '../support/needs.ts';
import { GOLDEN, PLACE, takeSurfaces } from './surfaces.ts';

test('API, commands, metrics, configuration, events, refusals, databases, and answers to captures, clients, people and loaders are as stored', {
  skip: missing('linux', 'gpg'),
}, async (t) => {
  const surfaces = await takeSurfaces(PLACE);
  assert.deepEqual([...surfaces.keys()].sort(), readdirSync(GOLDEN).sort());
  for (const [name, text] of surfaces) {
    await t.test(name, () => assert.equal(text, readFileSync(join(GOLDEN, name), 'utf8')));
  }
});
