// `rackboot check` of the file of a region apart from its racks.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { runCommandLine } from '../../../src/cli/command-line.ts';
import { printedBy } from '../../support/printed.ts';

const place = mkdtempSync(join(tmpdir(), 'rackboot-check-region-'));
after(() => rmSync(place, { recursive: true }));

async function checked(text: string, ...words: readonly string[]) {
  const file = join(place, 'region.yaml');
  writeFileSync(file, `name: hall\nstate_dir: ${place}\n${text}\n`);
  return await printedBy(() => runCommandLine([...words, '--config', file]));
}

const REGION = 'region: { store: { kind: sqlite } }';

test("a region's file is judged as one, whichever command checks it", async () => {
  for (const words of [['check'], ['region', 'check']]) {
    const { text, complaint, result } = await checked(REGION, ...words);
    assert.deepEqual([result, complaint], [0, '']);
    assert.match(text, /region\.yaml is fine: the region serves 127\.0\.0\.1:5240, on region\.db/);
  }
});

test("a rack's key in it belongs in the file of a rack, and the text names no command of this file", async () => {
  const { complaint } = await checked(`${REGION}\ndhcp: {}`, 'check');
  assert.match(
    complaint,
    /:4: dhcp: belongs in the file of a rack, not in that of a region apart from it: move it there$/m,
  );
  assert.doesNotMatch(complaint, /rackboot run/);
});

test("a rack's file that names a store is judged as a rack's", async () => {
  const { complaint } = await checked('region: { mode: embedded, store: { kind: sqlite } }', 'check');
  assert.match(complaint, /:3: region\.store: belongs in the file of a region that runs apart from its racks/);
});

test('a difference to the running region is refused, with the command that shows its values', async () => {
  for (const words of [
    ['check', '--diff'],
    ['region', 'check', '--diff'],
  ]) {
    const { complaint, result } = await checked(REGION, ...words);
    assert.equal(result, 2);
    assert.match(
      complaint,
      /^rackboot: --diff compares only the file of a rack; `.*config show --config \S+` shows the values in force$/m,
    );
  }
});
