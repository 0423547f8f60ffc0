// What commands say to a user who may not read the state of the rack: that they cannot, with the remedy, once; and nothing untrue.

import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { replayFile } from '../../src/cli/captures/replay.ts';
import { checkFile } from '../../src/cli/config/check.ts';
import { addDiskImage, listDiskImages, removeDiskImages } from '../../src/cli/images/disk-images.ts';
import { listPreseeds, showPreseed } from '../../src/cli/machines/preseed.ts';
import { createAdministrator, printApiKey, resetPassword } from '../../src/cli/people/accounts.ts';
import { runDoctor } from '../../src/cli/rack/doctor.ts';
import { explainMachine } from '../../src/cli/rack/why.ts';
import { parseConfig } from '../../src/config/load.ts';
import { examine } from '../../src/doctor/doctor.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import { openRegionStore } from '../../src/store/region-sqlite.ts';
import { packet, pcap } from '../capture/frames.ts';
import { printedBy } from '../support/printed.ts';

/** A user who owns nothing here. Root's tests become it; a person's are refused by the mode alone. */
const STRANGER = 65534;

/** Of the state: `all`, the directory may not be entered; `file`, it may, and what of the store is cached there may not be read. */
type Closed = 'all' | 'file';

/** Does something as a stranger to a state directory, and returns what it printed. */
async function asStranger(
  action: (config: string, stateDir: string) => Promise<unknown>,
  closed: Closed = 'all',
): Promise<string> {
  const place = mkdtempSync(join(tmpdir(), 'rackboot-stranger-'));
  const config = join(place, 'rackboot.yaml');
  const stateDir = join(place, 'state');
  mkdirSync(join(stateDir, 'boot'), { recursive: true });
  writeFileSync(join(stateDir, 'desired-state.json'), '{}');
  writeFileSync(config, `name: rack\nstate_dir: ${stateDir}\nregion: { mode: embedded }\n`);
  chmodSync(place, 0o755);
  const isRoot = process.geteuid?.() === 0;
  if (closed === 'all') chmodSync(stateDir, isRoot ? 0o700 : 0);
  else {
    chmodSync(stateDir, 0o755);
    chmodSync(join(stateDir, 'desired-state.json'), isRoot ? 0o600 : 0);
  }
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

const DISCOVER = join(import.meta.dirname, '../../fixtures/packets/dhcp-ovmf-pxe-discover.hex');
const replay = (config: string): Promise<unknown> =>
  replayFile({ file: DISCOVER, config, interfaceName: undefined, withState: true, ports: {}, json: false });
const why = (config: string): Promise<unknown> =>
  explainMachine({ config, machine: '52:54:00:00:00:01', arch: undefined, json: false });
const images = (config: string): Promise<unknown> => Promise.resolve(listDiskImages({ config, json: false }));

/** Does it, and adds what it says of errors to what it prints. */
async function withComplaints(action: () => unknown): Promise<unknown> {
  const { error: print } = console;
  console.error = (text: unknown) => void process.stdout.write(`${text}\n`);
  try {
    return await action();
  } finally {
    console.error = print;
  }
}

const LEFT_OUT =
  /^Note: the region's store is left out: \S+desired-state\.json may not be read by \S+: .*run this by sudo$/gm;

for (const [name, closed, command] of [
  ['why, where no daemon runs', 'file', why],
  ['images list', 'file', images],
  ['preseed list', 'file', async (config) => listPreseeds(config, false)],
  ['preseed list, who may read nothing of the state', 'all', async (config) => listPreseeds(config, false)],
  ['preseed show', 'file', async (config) => showPreseed(config, 'curtin')],
  ['replay', 'file', replay],
  ['replay, who may read nothing of the state', 'all', replay],
] as const satisfies readonly (readonly [string, Closed, (config: string) => Promise<unknown>])[]) {
  test(`${name} says once that the store is left out, with the remedy`, async () => {
    const said = await asStranger((config) => withComplaints(() => command(config)), closed);
    assert.equal(said.match(LEFT_OUT)?.length, 1, said);
    assert.equal(said.match(/sudo$/gm)?.length, 1, said);
    assert.doesNotMatch(said, /EACCES/);
  });
}

test('replay counts the files of a boot tree that this user may not look at as missing, and says so once', async () => {
  const asked = (name: string) => {
    const request = Buffer.from(`\0\x01${name}\0octet\0`, 'latin1');
    return { seconds: 1, fraction: 0, bytes: packet('10.99.0.5', 2000, '10.99.0.1', 69, request) };
  };
  const said = await asStranger(async (config) => {
    const file = join(dirname(config), 'loads.pcap');
    const isRoot = process.geteuid?.() !== process.getuid?.();
    if (isRoot) process.seteuid?.(0);
    writeFileSync(file, pcap(101, [asked('one'), asked('two')]));
    if (isRoot) process.seteuid?.(STRANGER);
    await replayFile({ file, config, interfaceName: undefined, withState: true, ports: {}, json: false });
  });
  assert.equal(said.match(/^Note: \S+\/boot may not be read by \S+: its files count as missing$/gm)?.length, 1, said);
});

test('what they say as JSON has the note, too, and is JSON', async () => {
  for (const [what, command] of [
    ['images', (config: string) => listDiskImages({ config, json: true })],
    ['preseeds', (config: string) => listPreseeds(config, true)],
    ['why', (config: string) => explainMachine({ config, machine: '52:54:00:00:00:01', arch: undefined, json: true })],
  ] as const) {
    const said = await asStranger(async (config) => command(config), 'file');
    assert.match(JSON.stringify(JSON.parse(said)), /the region's store is left out: .*run this by sudo/, what);
  }
});

test('images list and why say who may not look, with the remedy, where nothing of the state may be read', async () => {
  for (const [command, message] of [
    [images, /^the images of \S+ may not be read by \S+: .*run this by sudo$/],
    [why, /rackboot\.sock may not be opened by \S+: .*run this by sudo$/],
  ] as const) {
    const said = await asStranger((config) =>
      withComplaints(() => assert.rejects(async () => command(config), { code: 'permission-denied', message })),
    );
    assert.equal(said, '');
  }
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
    await examine({
      config,
      isRunning: true,
      commands: { start: 'sudo rackboot run', config: '' },
      xid: 1,
      onFinding: (finding) => void findings.push(finding),
    });
  });
  for (const check of ['boot tree', 'images']) {
    const found = findings.find((one) => one.check === check);
    assert.equal(found?.isNote, true, check);
    assert.match(found.text, /this user may not read /);
  }
});

const ACCOUNT = { username: 'alice', email: '', password: 'long enough', name: '' };
for (const [name, command] of [
  ['createadmin', (config: string) => createAdministrator({ ...ACCOUNT, config })],
  ['password', (config: string) => resetPassword({ ...ACCOUNT, config })],
  ['apikey', (config: string) => printApiKey({ ...ACCOUNT, config })],
] as const) {
  test(`${name} says whose the state directory is, and who may do that`, async () => {
    const said = await asStranger((config) =>
      assert.rejects(command(config), {
        code: 'permission-denied',
        message: /^the accounts of \S+ may not be changed by \S+: .*run this by sudo$/,
      }),
    );
    assert.equal(said, '');
  });
}

test('what is refused of an account makes no state directory', async () => {
  const place = mkdtempSync(join(tmpdir(), 'rackboot-nobody-'));
  const config = join(place, 'rackboot.yaml');
  const stateDir = join(place, 'state');
  writeFileSync(config, `name: rack\nstate_dir: ${stateDir}\nregion: { mode: embedded }\n`);
  try {
    for (const command of [resetPassword, printApiKey]) {
      await assert.rejects(command({ ...ACCOUNT, config }), {
        code: 'not-found',
        message: /there is no user alice.*rackboot createadmin --username alice/,
      });
      assert.equal(existsSync(stateDir), false, command.name);
    }
    await assert.rejects(createAdministrator({ ...ACCOUNT, config, password: 'short' }), { code: 'bad-argument' });
    assert.equal(existsSync(stateDir), false);
  } finally {
    rmSync(place, { recursive: true });
  }
});

const IMAGE = { json: false, os: 'debian', release: 'bookworm', arch: 'amd64', subarch: 'generic', label: 'release' };
for (const [name, command] of [
  ['add', (config: string) => addDiskImage({ ...IMAGE, config, file: config, compress: false })],
  ['remove', (config: string) => removeDiskImages({ config, json: false, image: 'debian', all: false })],
] as const) {
  test(`images ${name} says who may not look into the store, with the remedy`, async () => {
    await asStranger((config) =>
      withComplaints(() =>
        assert.rejects(command(config), {
          code: 'permission-denied',
          message: /^the images of \S+ may not be read by \S+: .*run this by sudo$/,
        }),
      ),
    );
  });
}

test('a database in a directory that this user may not enter is one that cannot be written, with the remedy', async () => {
  await asStranger(async (_, stateDir) => {
    assert.throws(() => openRegionStore({ stateDir }), {
      code: 'store-unwritable',
      message: /region\.db cannot be written \(EACCES\): .*(?:chown|chmod|sudo)/,
    });
  });
});
