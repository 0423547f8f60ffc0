// What `rackboot check` and `doctor` say to a user who may not read the state of the rack: that they cannot, and nothing untrue.

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkFile } from '../../src/cli/check.ts';
import { runDoctor } from '../../src/cli/doctor.ts';
import { parseConfig } from '../../src/config/load.ts';
import { examine } from '../../src/doctor/doctor.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import { printedBy } from '../support/printed.ts';

/** A user who owns nothing here. Root's tests become it; a person's are refused by the mode alone. */
const STRANGER = 65534;

/** Does something as a stranger to a state directory that it may not enter, and returns what it printed. */
async function asStranger(action: (config: string, stateDir: string) => Promise<unknown>): Promise<string> {
  const place = mkdtempSync(join(tmpdir(), 'rackboot-stranger-'));
  const config = join(place, 'rackboot.yaml');
  const stateDir = join(place, 'state');
  mkdirSync(join(stateDir, 'boot'), { recursive: true });
  writeFileSync(join(stateDir, 'desired-state.json'), '{}');
  writeFileSync(config, `name: rack\nstate_dir: ${stateDir}\nregion: { mode: embedded }\n`);
  chmodSync(place, 0o755);
  const isRoot = process.geteuid?.() === 0;
  chmodSync(stateDir, isRoot ? 0o700 : 0);
  if (isRoot) process.seteuid?.(STRANGER);
  try {
    return (await printedBy(() => action(config, stateDir))).text;
  } finally {
    if (isRoot) process.seteuid?.(0);
    chmodSync(stateDir, 0o700);
    rmSync(place, { recursive: true });
  }
}

test('check judges the file alone where it may not read the store, and says so with the remedy', async () => {
  const said = await asStranger((config) => checkFile(config, false));
  assert.match(said, /rackboot\.yaml alone is fine: it names no network; the store may say more\.\n/);
  assert.match(
    said,
    /Note {4}the region's store was not judged: \S+desired-state\.json may not be read by \S+: .*run this by sudo$/m,
  );
  assert.doesNotMatch(said, /it serves no network/);
});

test('doctor says to whom it cannot speak for the rack whose state it may not read, and finds nothing', async () => {
  const said = await asStranger(async (config) => {
    await assert.rejects(runDoctor(config, { fixHint: false, json: false }), {
      code: 'permission-denied',
      message: /rackboot\.sock may not be opened by \S+: .*run this by sudo$/,
    });
  });
  assert.equal(said, '');
});

test('a boot tree that this user may not read is a note of doctor: neither fine nor a bug', async () => {
  const findings: Finding[] = [];
  await asStranger(async (_, stateDir) => {
    const parsed = parseConfig(`name: rack\nstate_dir: ${stateDir}\nregion: { mode: embedded }\n`);
    assert.ok(parsed.ok);
    const config = { ...parsed.config, dns: { ...parsed.config.dns, listen: [] } };
    await examine({ config, isRunning: true, xid: 1, onFinding: (finding) => void findings.push(finding) });
  });
  for (const check of ['boot tree', 'images']) {
    const found = findings.find((one) => one.check === check);
    assert.equal(found?.isNote, true, check);
    assert.match(found.text, /this user may not read /);
  }
});
