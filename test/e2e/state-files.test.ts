// Something other than a file in the place of a file of the state: a FIFO waits for a writer, a device may never end, and a
// directory is not a file. No start waits for one of them: it continues without it, or ends with one line that names it and the remedy.
// @host waits
// @long more

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { sleep } from '../../src/clock.ts';
import { errorText } from '../../src/errors.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { missing } from '../support/needs.ts';
import { HAS_MANY_ROUNDS } from '../support/rounds.ts';
import { eventually, RunningRack } from '../support/running-rack.ts';

const START_MS_MAX = 120_000;

/** The things that lie in the place of the file. */
const THINGS: Readonly<Record<string, (path: string) => void>> = {
  'a FIFO': (path) => void execFileSync('mkfifo', [path]),
  'a device that never ends': (path) => symlinkSync('/dev/zero', path),
  'a directory': (path) => void mkdirSync(path),
  'a socket': (path) =>
    void execFileSync(process.execPath, [
      '-e',
      'require("node:net").createServer().listen(process.argv[1], () => process.reallyExit(0))',
      path,
    ]),
};

const rack = new RunningRack(labPlace(36));
const GOOD_STATE = join(rack.directory, 'good-state');
const EMBEDDED = readFileSync(rack.configFile, 'utf8');
const REMOTE = EMBEDDED.replace(
  /^region: .*$/m,
  `region: { mode: remote, url: "http://127.0.0.1:9/MAAS", api_key_file: ${JSON.stringify(join(rack.stateDir, 'key'))} }`,
);

/** The result of a start: `undefined` if the rack serves, otherwise its complaint; rejects if it does neither. */
async function startOver(config: string): Promise<string | undefined> {
  rack.configure(config);
  const from = rack.lines.length;
  const serves = async (): Promise<string | undefined> => {
    await rack.start();
    if (config !== EMBEDDED) {
      await rack.reported('region.away', { from });
      return undefined;
    }
    // Where the region's database cannot be used, the rack serves without its region, whose end has the reason.
    const { event, reason } = await eventually(
      'region.up or region.down in the log',
      () => [...rack.events('region.up', from), ...rack.events('region.down', from)][0],
    );
    return event === 'region.up' ? undefined : String(reason);
  };
  const ending = serves().catch(errorText);
  const late = Symbol('late');
  const first = await Promise.race([ending, sleep(START_MS_MAX).then(() => late)]);
  if (first !== late) {
    await rack.stop();
    return await ending;
  }
  await rack.kill();
  throw new Error(
    `the start neither serves nor ends within ${START_MS_MAX / 1000} s: ${JSON.stringify(rack.lines.slice(from).map(({ msg }) => msg))}`,
  );
}

/** Starts over a state in which these files are replaced. @returns its complaint; `undefined` if the rack serves */
function startAlongside(
  files: readonly string[],
  place: (path: string) => void,
  config: string,
): Promise<string | undefined> {
  rmSync(rack.stateDir, { recursive: true });
  cpSync(GOOD_STATE, rack.stateDir, { recursive: true });
  for (const path of files.map((file) => join(rack.stateDir, file))) {
    rmSync(path, { force: true });
    mkdirSync(dirname(path), { recursive: true });
    place(path);
  }
  return startOver(config);
}

/** Asserts that a start over a state in which `file` is replaced serves, or names the obstacle. */
async function assertStands(file: string, place: (path: string) => void, config: string): Promise<void> {
  const complaint = await startAlongside([file], place, config);
  if (complaint === undefined) return;
  assert.equal(complaint.split('\n').length, 1, complaint);
  assert.ok(complaint.includes(basename(file)), complaint);
  assert.match(complaint, /move|give|restore|remove/, complaint);
}

describe('a start over a state directory', { skip: missing('linux') }, () => declareStarts(!HAS_MANY_ROUNDS));

function declareStarts(isShort: boolean): void {
  before(async () => {
    for (const config of isShort ? [EMBEDDED] : [EMBEDDED, REMOTE]) assert.equal(await startOver(config), undefined);
    rmSync(join(rack.stateDir, 'rackboot.sock'), { force: true });
    cpSync(rack.stateDir, GOOD_STATE, { recursive: true });
  });
  after(() => rack.remove());

  test('does not wait for any file of it that is a FIFO', async () => {
    const files = globSync('**/*', { cwd: GOOD_STATE }).filter((name) => statSync(join(GOOD_STATE, name)).isFile());
    const databases = files.filter((name) => name.endsWith('.db'));
    const ofRemoteRacks = isShort ? [] : ['outbox.db', 'key'];
    for (const known of ['rack.json', 'leases.db', 'region.db', ...ofRemoteRacks])
      assert.ok(files.includes(known), known);
    const parts = [
      ...files.filter((name) => !name.endsWith('.db')).map((name) => `${name}.part`),
      'lease-ends.json.part',
      'lease-mark.json.part',
      'desired-state.json.part',
    ];
    const companions = [
      ...databases.flatMap((name) => [`${name}-wal`, `${name}-shm`, `${name}-journal`]),
      'desired-state.json',
      'lease-ends.json',
    ];
    // None of these stands in the way of a start: all of them at once.
    for (const config of isShort ? [EMBEDDED] : [EMBEDDED, REMOTE])
      assert.equal(await startAlongside([...new Set(parts)], THINGS['a FIFO'] ?? assert.fail, config), undefined);
    for (const file of isShort ? ['leases.db'] : new Set([...files, ...companions])) {
      const ofRemote = /^(outbox|key)/.test(file);
      await assertStands(file, THINGS['a FIFO'] ?? assert.fail, ofRemote ? REMOTE : EMBEDDED);
    }
  });

  test('without its leases reports that in the log and in status, and serves', async () => {
    rmSync(rack.stateDir, { recursive: true });
    cpSync(GOOD_STATE, rack.stateDir, { recursive: true });
    rmSync(join(rack.stateDir, 'leases.db-wal'), { force: true });
    truncateSync(join(rack.stateDir, 'leases.db'));
    writeFileSync(join(rack.stateDir, 'lease-ends.json'), '{}');
    rack.configure(EMBEDDED);
    const from = rack.lines.length;
    await rack.start();
    assert.match(
      String((await rack.reported('daemon.leases-lost', { from })).text),
      /leases\.db holds no leases.* backup/,
    );
    const { output } = await rack.rackboot('status');
    assert.match(output.join('\n'), /^Note +.*leases\.db holds no leases/m);
    await rack.stop();
    const again = rack.lines.length;
    assert.equal(await startOver(EMBEDDED), undefined);
    assert.deepEqual(
      rack.lines.slice(again).filter(({ event }) => event === 'daemon.leases-lost'),
      [],
      'leases granted since are not lost',
    );
  });

  for (const file of [
    'rack.json',
    'desired-state.json',
    'lease-ends.json',
    'lease-mark.json',
    'key',
    'leases.db',
    'rack.sock',
  ]) {
    for (const [what, place] of Object.entries(THINGS)) {
      // The first test has that of every file.
      if (what === 'a FIFO' || isShort) continue;
      test(`with ${what} for ${file} continues or names the fault`, () =>
        assertStands(file, place, file === 'key' ? REMOTE : EMBEDDED));
    }
  }
}
