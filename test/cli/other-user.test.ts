// The output of commands for a user who may not read the rack's state: one line that says so, with the remedy, and nothing untrue.

import assert from 'node:assert/strict';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { replayFile } from '../../src/cli/captures/replay.ts';
import { checkFile } from '../../src/cli/config/check.ts';
import { addGiven } from '../../src/cli/images/add.ts';
import { listDiskImages, removeDiskImages } from '../../src/cli/images/disk-images.ts';
import { createAdministrator, printApiKey, resetPassword } from '../../src/cli/people/accounts.ts';
import { runDoctor } from '../../src/cli/rack/doctor.ts';
import { explainMachine } from '../../src/cli/rack/why.ts';
import { parseConfig } from '../../src/config/load.ts';
import { examine } from '../../src/doctor/doctor.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import { loadYamlParser } from '../../src/ground/yaml-parser.ts';
import { openRegionStore } from '../../src/store/sqlite/region-sqlite.ts';
import { packet, pcap } from '../capture/frames.ts';
import { readableCheckout } from '../support/another-user.ts';
import { missing } from '../support/needs.ts';
import { printedBy } from '../support/printed.ts';

// A command loads it with its configuration, before it becomes another user.
loadYamlParser();

/** A user who owns nothing here. Tests run by root switch to it; for other users the mode alone refuses. */
const STRANGER = 65534;

/** Reads templates from its own directory, which the stranger can read, too. */
const { listPreseeds, showPreseed }: typeof import('../../src/cli/machines/preseed.ts') = await import(
  join(readableCheckout().root, 'src/cli/machines/preseed.ts')
);
/** A capture next to the configuration. */
const CAPTURE = 'empty.pcap';

/** The closed part: `all`, the state directory cannot be entered; `file`, only the cached store in it cannot be read. */
type Closed = 'all' | 'file';

/** Runs `action` as a stranger to a state directory, and returns its output. */
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
  writeFileSync(join(place, CAPTURE), pcap(101, []));
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

test('check judges the file alone if it may not read the store, and says so with the remedy', async () => {
  const said = await asStranger((config) => checkFile(config, false));
  assert.match(said, /rackboot\.yaml alone is fine: it names no network/);
  assert.match(said, /Note {4}the region's store was not checked: .*\S+desired-state\.json: .*sudo$/m);
  assert.doesNotMatch(said, /it serves no network/);
});

const replay = (config: string): Promise<unknown> => {
  const file = join(dirname(config), CAPTURE);
  return replayFile({ file, config, withoutState: false, json: false });
};
const why = (config: string): Promise<unknown> =>
  explainMachine({ config, machine: '52:54:00:00:00:01', arch: undefined, json: false });
const images = (config: string): Promise<unknown> => listDiskImages({ config, json: false });

/** Runs `action` with standard error added to its output. */
async function withComplaints(action: () => unknown): Promise<unknown> {
  const { error: print } = console;
  console.error = (text: unknown) => void process.stdout.write(`${text}\n`);
  try {
    return await action();
  } finally {
    console.error = print;
  }
}

const IGNORED = /^Note: the region's store is ignored: .*\S+desired-state\.json: .*sudo$/gm;

for (const [name, closed, command] of [
  ['why, if no daemon runs', 'file', why],
  ['images list', 'file', images],
  ['preseed list', 'file', async (config) => listPreseeds({ config, json: false })],
  ['preseed list, with the whole state closed', 'all', async (config) => listPreseeds({ config, json: false })],
  ['preseed show', 'file', async (config) => showPreseed({ config, name: 'curtin' })],
  ['replay', 'file', replay],
  ['replay, with the whole state closed', 'all', replay],
] as const satisfies readonly (readonly [string, Closed, (config: string) => Promise<unknown>])[]) {
  test(`${name}, says once that the store is ignored, with the remedy`, async () => {
    const said = await asStranger((config) => withComplaints(() => command(config)), closed);
    assert.equal(said.match(IGNORED)?.length, 1, said);
    assert.equal(said.match(/sudo$/gm)?.length, 1, said);
    assert.doesNotMatch(said, /EACCES/);
  });
}

test('root checks the tree as the owner of the state, who may not read it', { skip: missing('root') }, async () => {
  const place = mkdtempSync(join(tmpdir(), 'rackboot-owner-'));
  const config = join(place, 'rackboot.yaml');
  const stateDir = join(place, 'state');
  chmodSync(place, 0o755);
  mkdirSync(join(stateDir, 'boot'), { recursive: true, mode: 0o700 });
  chownSync(stateDir, STRANGER, STRANGER);
  writeFileSync(config, `name: rack\nstate_dir: ${stateDir}\nregion: { mode: embedded }\n`);
  try {
    const check = await printedBy(() => checkFile(config, false));
    const doctor = await printedBy(() => runDoctor({ config, json: false, fixHint: false }));
    for (const text of [check.complaint, doctor.text])
      assert.match(text, /boot\.tree \S+ cannot be read by the owner of \S+, who runs Rackboot/);
    assert.doesNotMatch(doctor.text, /images/);
  } finally {
    rmSync(place, { recursive: true });
  }
});

test('replay counts the files of an unreadable boot tree as missing, and says so once', async () => {
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
    await replayFile({ file, config, withoutState: false, json: false });
  });
  assert.equal(said.match(/^Note: \S.* may not read \S+\/boot: its files count as missing$/gm)?.length, 1, said);
});

test('the JSON of these commands has the note, too, and is JSON', async () => {
  for (const [what, command] of [
    ['images', (config: string) => listDiskImages({ config, json: true })],
    ['preseeds', (config: string) => listPreseeds({ config, json: true })],
    ['why', (config: string) => explainMachine({ config, machine: '52:54:00:00:00:01', arch: undefined, json: true })],
  ] as const) {
    const said = await asStranger(async (config) => command(config), 'file');
    assert.match(JSON.stringify(JSON.parse(said)), /the region's store is ignored: .*run this with sudo/, what);
  }
});

test('images list and why name the user and the remedy if the whole state is closed', async () => {
  for (const [command, message] of [
    [images, /^\S.* may not read the images of \S+: .*run this with sudo$/],
    [why, /^\S.* may not open \S+rackboot\.sock: .*run this with sudo$/],
  ] as const) {
    const said = await asStranger((config) =>
      withComplaints(() => assert.rejects(async () => command(config), { code: 'permission-denied', message })),
    );
    assert.equal(said, '');
  }
});

test('doctor refuses a user who may not read the state, and prints no finding', async () => {
  const said = await asStranger(async (config) => {
    await assert.rejects(runDoctor({ config, fixHint: false, json: false }), {
      code: 'permission-denied',
      message: /^\S.* may not open \S+rackboot\.sock: .*run this with sudo$/,
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
      gateways: [],
      ports: { absent: [], portHolders: [] },
      isRunning: true,
      commands: { start: 'sudo rackboot run', config: '', network: '' },
      xid: 1,
      onFinding: (finding) => void findings.push(finding),
    });
  });
  assert.ok(findings.every(({ ok }) => ok));
  const [unread = '', explained = '', ...more] = findings.flatMap(({ check, text }) =>
    check === 'boot tree' ? [text] : [],
  );
  assert.match(unread, /this user may not read /);
  assert.match(explained, /no line of images$|no line of images, /);
  assert.deepEqual(more, []);
});

const ACCOUNT = { username: 'alice', email: '', password: 'long enough', name: '' };
for (const [name, command] of [
  ['createadmin', (config: string) => createAdministrator({ ...ACCOUNT, config })],
  ['password', (config: string) => resetPassword({ ...ACCOUNT, config })],
  ['apikey', (config: string) => printApiKey({ ...ACCOUNT, config })],
] as const) {
  test(`${name} names the user who may not, and the remedy`, async () => {
    const said = await asStranger((config) =>
      assert.rejects(command(config), {
        code: 'permission-denied',
        message: /^\S.* may not change the accounts of \S+: .*run this with sudo$/,
      }),
    );
    assert.equal(said, '');
  });
}

test('a refused change of an account makes no state directory', async () => {
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
    const passwordFile = join(place, 'password');
    writeFileSync(passwordFile, 'abc\n', { mode: 0o600 });
    for (const wrong of [
      { password: undefined, passwordFile },
      { password: '' },
      { password: 'short', email: 'no body' },
    ])
      await assert.rejects(createAdministrator({ ...ACCOUNT, config, ...wrong }), { code: 'bad-argument' });
    assert.equal(existsSync(stateDir), false);
  } finally {
    rmSync(place, { recursive: true });
  }
});

const IMAGE = { json: false, os: 'debian', release: 'bookworm', arch: 'amd64', subarch: 'generic', label: 'release' };
for (const [name, command] of [
  ['add', (config: string) => addGiven({ ...IMAGE, config, file: config, compress: false })],
  ['remove', (config: string) => removeDiskImages({ config, json: false, image: 'debian', all: false, force: false })],
] as const) {
  test(`images ${name} names the user who may not read the store, and the remedy`, async () => {
    await asStranger((config) =>
      withComplaints(() =>
        assert.rejects(command(config), {
          code: 'permission-denied',
          message: /^\S+ may not (?:read the images of|open) \S+: .*run this with sudo$/,
        }),
      ),
    );
  });
}

test('a database in a directory that this user may not enter cannot be written, and the error names the remedy', async () => {
  await asStranger(async (_, stateDir) => {
    assert.throws(() => openRegionStore({ stateDir }), {
      code: 'store-unwritable',
      message: /region\.db cannot be written \(EACCES\): .*(?:chown|chmod|sudo)/,
    });
  });
});
