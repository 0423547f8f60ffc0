// `rackboot config show` and `get` of a region apart from its racks that does not run: every key of its file, each with where it comes from.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { runCommandLine } from '../../../src/cli/command-line.ts';
import { EMPTY_DESIRED_STATE } from '../../../src/machines/machine.ts';
import { writeDesiredState } from '../../../src/uplink/desired-state-cache.ts';
import { printedBy } from '../../support/printed.ts';

const place = mkdtempSync(join(tmpdir(), 'rackboot-shown-'));
after(() => rmSync(place, { recursive: true }));
const file = join(place, 'region.yaml');

async function rackboot(text: string, ...words: readonly string[]) {
  writeFileSync(file, `state_dir: ${place}\n${text}\n`);
  return await printedBy(() => runCommandLine([...words, '--config', file]));
}

const SQLITE = 'region: { store: { kind: sqlite } }';
const POSTGRES = 'region: { store: { kind: postgresql, url: "postgresql://rackboot@db.example/rackboot" } }';

test('a stopped region on SQLite shows its file, its defaults and the settings of its store', async () => {
  const settings = { boot: { kernel_params: 'quiet' }, dns: { upstream: '192.0.2.53' } };
  const state = { ...EMPTY_DESIRED_STATE, version: 1, settings };
  writeDesiredState(place, state, 'embedded', ({ reason }) => assert.fail(reason));
  const { text, complaint, result } = await rackboot(SQLITE, 'config', 'show');
  assert.equal(result, 0);
  assert.match(complaint, /^rackboot: no daemon runs here; this is the configuration it would start with\.$/m);
  for (const row of [
    /^state_dir +\S+ +\S+region\.yaml:1$/m,
    /^name +\S+ +default$/m,
    /^region\.store\.kind +sqlite +\S+region\.yaml:2$/m,
    /^region\.listen +\[127\.0\.0\.1:5240\] +default$/m,
    /^metrics\.listen +\[127\.0\.0\.1:5250\] +default$/m,
    /^region\.retries +1 +default$/m,
    /^boot\.kernel_params +quiet +store$/m,
    /^dns\.upstream +192\.0\.2\.53 +store$/m,
  ])
    assert.match(text, row);
  assert.doesNotMatch(text, /^(?:dhcp|tftp|cluster_interfaces)\./m);
});

test('a stopped region on PostgreSQL shows its file, and says that the settings of its database are missing', async () => {
  const { text, complaint } = await rackboot(POSTGRES, 'config', 'show', 'region.store');
  assert.match(complaint, /, without the settings in its database\.$/m);
  assert.match(text, /^region\.store\.url +postgresql:\/\/rackboot@db\.example\/rackboot +\S+region\.yaml:2$/m);
  assert.match(text, /^region\.store\.pool +10 +default$/m);
  assert.doesNotMatch(text, /quiet/);
});

test('one value is printed, whether it is written, stored, a default, or only of racks', async () => {
  const get = async (key: string): Promise<string> => (await rackboot(SQLITE, 'config', 'get', key)).text.trim();
  assert.equal(await get('region.store.kind'), 'sqlite');
  assert.equal(await get('boot.kernel_params'), 'quiet');
  assert.equal(await get('region.retries'), '1');
  assert.equal(await get('region.listen'), '- 127.0.0.1:5240');
  assert.equal(await get('dns.upstream'), '192.0.2.53');
});

test('an unknown key is answered with the nearest, and a bad file with its problem', async () => {
  const unknown = await rackboot(SQLITE, 'config', 'show', 'region.stor');
  assert.equal(unknown.result, 2);
  assert.match(unknown.complaint, /region\.stor: there is no such key/);
  const bad = await rackboot('region: { store: { kind: sqlite }, mode: embedded }', 'config', 'show');
  assert.match(bad.complaint, /:2: region\.mode: belongs in the file of a rack/);
});
