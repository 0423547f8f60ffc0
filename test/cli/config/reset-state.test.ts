// `rackboot reset` removes from a state directory the files that Rackboot writes there, and no copy that a person made of one.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runCommandLine } from '../../../src/cli/command-line.ts';
import { printedBy } from '../../support/printed.ts';

test('copies that a person made in the state directory stay, and are named', async () => {
  const place = mkdtempSync(join(tmpdir(), 'rackboot-reset-state-'));
  process.env.XDG_CACHE_HOME = join(place, 'caches');
  const state = join(place, 'state');
  const own = [
    ...[
      'region.db',
      'region.db-wal',
      'region.db.version-3',
      'region.db.version-3.part-journal',
      'region.db.unfinished',
    ],
    ...['leases.db', 'leases.db-shm', 'lease-mark.json', 'lease-ends.json.part', 'outbox.db'],
    ...['rack.json', 'images-key.asc', 'images-key.asc.new', 'desired-state.json.part'],
  ];
  const kept = ['leases.db.2026-11-28', 'lease-mark.json.bak', 'outbox.db-old', 'region.db.bak', 'region.sock.notes'];
  try {
    for (const name of ['images-work', 'ssh', 'rack.json.part']) mkdirSync(join(state, name), { recursive: true });
    for (const name of [...own, ...kept]) writeFileSync(join(state, name), '');
    const config = join(place, 'rackboot.yaml');
    writeFileSync(config, `name: rack\nstate_dir: ${state}\n`);
    const { result, text, complaint } = await printedBy(() =>
      runCommandLine(['reset', '--yes', '--json', '--config', config]),
    );
    assert.equal(result, 0, complaint);
    const left = [...kept, 'rack.json.part'].toSorted();
    assert.deepEqual(readdirSync(state), left);
    assert.deepEqual(
      JSON.parse(text).left,
      left.map((name) => join(state, name)),
    );
  } finally {
    rmSync(place, { recursive: true });
  }
});
