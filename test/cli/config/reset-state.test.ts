// `rackboot reset` removes the files that Rackboot writes in a state directory and a boot tree, and nothing of a person.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { runCommandLine } from '../../../src/cli/command-line.ts';
import { missing } from '../../support/needs.ts';
import { printedBy } from '../../support/printed.ts';

test('copies that a person made in the state directory stay, and are named', async () => {
  const place = mkdtempSync(join(tmpdir(), 'rackboot-reset-state-'));
  process.env.XDG_CACHE_HOME = join(place, 'caches');
  const state = join(place, 'state');
  const own = [
    'region.db',
    'region.db-wal',
    'region.db.version-3',
    'region.db.version-3.part-journal',
    'region.db.unfinished',
    'leases.db',
    'leases.db-shm',
    'lease-mark.json',
    'lease-ends.json.part',
    'outbox.db',
    'rack.json',
    'rack.json.copy',
    'leases.ballast',
    'images-key.asc',
    'images-key.asc.new',
    'desired-state.json.part',
  ];
  const kept = ['leases.db.2026-11-28', 'lease-mark.json.bak', 'outbox.db-old', 'region.db.bak', 'region.sock.notes'];
  try {
    for (const name of ['images-work', 'ssh', 'rack.json.part']) mkdirSync(join(state, name), { recursive: true });
    for (const name of [...own, ...kept]) writeFileSync(join(state, name), '');
    // Opened as a file, it would never answer.
    execFileSync('mkfifo', [join(state, 'desired-state.json')]);
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

interface Place {
  readonly directory: string;
  readonly state: string;
  /** Runs `reset`. */
  reset(...options: readonly string[]): ReturnType<typeof printedBy<number>>;
}

async function withPlace(work: (place: Place) => Promise<void>, tree?: (directory: string) => string): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-reset-tree-'));
  process.env.XDG_CACHE_HOME = join(directory, 'caches');
  const [config, state] = [join(directory, 'rackboot.yaml'), join(directory, 'state')];
  mkdirSync(state);
  const boot = tree === undefined ? '' : `boot: { tree: ${tree(directory)} }\n`;
  writeFileSync(config, `name: rack\nstate_dir: ${state}\n${boot}`);
  const reset: Place['reset'] = (...options) =>
    printedBy(() => runCommandLine(['reset', '--config', config, ...options]));
  try {
    await work({ directory, state, reset });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Makes a tree with an image and a file of a person. */
function fillTree(tree: string): void {
  mkdirSync(join(tree, 'images/.manifests'), { recursive: true });
  writeFileSync(join(tree, 'images/.manifests/a.json'), '{}');
  writeFileSync(join(tree, 'notes'), 'mine');
}

for (const [where, tree] of [
  ['that boot.tree names', (directory: string) => join(directory, 'link')],
  ['in the state directory', undefined],
] as const)
  test(`a boot tree is reset behind a link ${where}`, () =>
    withPlace(async ({ directory, state, reset }) => {
      const big = join(directory, 'big');
      fillTree(big);
      symlinkSync(big, tree === undefined ? join(state, 'boot') : tree(directory));
      const { result, text, complaint } = await reset('--yes', '--json');
      assert.equal(result, 0, complaint);
      assert.deepEqual(JSON.parse(text), {
        removed: [{ path: join(big, 'images'), bytes: 2 }],
        left: [join(big, 'notes')],
      });
      assert.deepEqual(readdirSync(big), ['notes']);
    }, tree));

test('a link that leads to the state directory, or to nothing, is refused or named', async () => {
  const tree = (directory: string): string => join(directory, 'link');
  await withPlace(async ({ directory, reset }) => {
    symlinkSync(directory, tree(directory));
    const { result, complaint } = await reset('--yes');
    assert.equal(result, 2);
    assert.match(complaint, /the boot tree .*\/link holds more than images/);
  }, tree);
  await withPlace(async ({ directory, reset }) => {
    symlinkSync(join(directory, 'unmounted'), tree(directory));
    assert.deepEqual(JSON.parse((await reset('--yes', '--json')).text).left, [tree(directory)]);
  }, tree);
});

test(
  "root follows a link in another user's state directory only to that user's own tree",
  {
    skip: process.getuid?.() === 0 ? false : 'only root can give files away',
  },
  () =>
    withPlace(async ({ directory, state, reset }) => {
      const big = join(directory, 'big');
      fillTree(big);
      symlinkSync(big, join(state, 'boot'));
      chownSync(state, 65_534, 65_534);
      chmodSync(directory, 0o755);
      const victim = join(directory, 'victim');
      mkdirSync(victim, { mode: 0o755 });
      symlinkSync(victim, join(state, 'rack.lock'));
      assert.equal((await reset('--yes', '--json')).result, 1);
      assert.equal(statSync(victim).mode & 0o777, 0o755);
      rmSync(join(state, 'rack.lock'));
      assert.deepEqual(JSON.parse((await reset('--yes', '--json')).text), { removed: [], left: [join(state, 'boot')] });
      assert.ok(existsSync(join(big, 'images')));
      execFileSync('chown', ['-R', '65534:65534', big]);
      assert.deepEqual(JSON.parse((await reset('--yes', '--json')).text).left, [join(big, 'notes')]);
      assert.deepEqual(readdirSync(big), ['notes']);
    }),
);

/** Answers the question on a terminal, after `meanwhile`. */
async function whileAsked<T>(meanwhile: () => void, work: () => Promise<T>, answer = 'yes'): Promise<T> {
  const answered = (isAsking: boolean): void => {
    if (!isAsking) return;
    meanwhile();
    setImmediate(() => terminal.write(`${answer}\n`));
  };
  const terminal = Object.assign(new PassThrough(), { isTTY: true, setRawMode: answered });
  const before = Object.getOwnPropertyDescriptor(process, 'stdin') ?? {};
  Object.defineProperty(process, 'stdin', { value: terminal, configurable: true });
  try {
    return await work();
  } finally {
    Object.defineProperty(process, 'stdin', before);
  }
}

test('after the answer "no" nothing is removed, and the exit code says so', () =>
  withPlace(async ({ state, reset }) => {
    writeFileSync(join(state, 'leases.db'), '');
    const { result, complaint } = await whileAsked(() => undefined, reset, 'no');
    assert.equal(result, 1);
    assert.match(complaint, /^rackboot: nothing was changed$/m);
    assert.ok(existsSync(join(state, 'leases.db')));
  }));

test('a file that a person puts into the tree while the question is open stays', () =>
  withPlace(async ({ state, reset }) => {
    fillTree(join(state, 'boot'));
    writeFileSync(join(state, 'leases.db'), '');
    const thesis = join(state, 'boot/images/thesis');
    const { result, complaint } = await whileAsked(() => writeFileSync(thesis, 'new'), reset);
    assert.equal(result, 0, complaint);
    const left = ['leases.db', 'boot/images/.manifests'].map((name) => existsSync(join(state, name)));
    assert.deepEqual([...left, existsSync(thesis)], [false, false, true]);
  }));

test('the networks of the store are named, and a printed command stores each again', () =>
  withPlace(async ({ directory, reset }) => {
    const config = ['--config', join(directory, 'rackboot.yaml')];
    const run = (...words: readonly string[]) => printedBy(() => runCommandLine([...words, ...config]));
    const set = await run(
      'config',
      'set',
      'cluster_interfaces.lab',
      '{ interface: nosuch0, ip: 10.97.0.1, network: 10.97.0.0/24, mode: proxy }',
    );
    assert.equal(set.result, 0, set.complaint);
    const masked = '{ interface: nosuch1, ip: 10.98.0.1, subnet_mask: 255.255.255.0, mode: proxy }';
    const second = await run('config', 'set', 'cluster_interfaces.more', masked);
    assert.equal(second.result, 0, second.complaint);
    const stored = (await run('config', 'get', 'cluster_interfaces.lab', '--json')).text;
    const { result, text, complaint } = await reset('--yes');
    assert.equal(result, 0, complaint);
    assert.match(text, /^ {2}the networks in the store: lab 10\.97\.0\.0\/24, more 10\.98\.0\.0\/24$/m);
    const value = /^ {2}\S.* config set .*cluster_interfaces\.lab '(?<value>.*)'$/m.exec(text)?.groups?.value;
    assert.ok(value !== undefined, text);
    assert.notEqual((await run('config', 'get', 'cluster_interfaces.lab', '--json')).text, stored);
    assert.equal((await run('config', 'set', 'cluster_interfaces.lab', value)).result, 0);
    assert.equal((await run('config', 'get', 'cluster_interfaces.lab', '--json')).text, stored);
  }));

test('a boot tree that cannot be written is told with its remedy', {
  skip: missing('linux', 'root', 'mount'),
}, async () => {
  const place = mkdtempSync(join(tmpdir(), 'rackboot-reset-read-only-'));
  const tree = join(place, 'tree');
  const config = join(place, 'rackboot.yaml');
  mkdirSync(tree);
  writeFileSync(config, `name: rack\nstate_dir: ${place}/state\nboot:\n  tree: ${tree}\n`);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'rackboot-read-only', tree]);
    mkdirSync(join(tree, 'images/.manifests'), { recursive: true });
    execFileSync('mount', ['-o', 'remount,ro', tree]);
    const { complaint } = await printedBy(() => runCommandLine(['reset', '--yes', '--config', config]));
    assert.match(
      complaint,
      /tree\/images\S* cannot be removed \(.*Read-only file system.*\): .*findmnt.*Then call reset again/,
    );
  } finally {
    execFileSync('umount', [tree]);
    rmSync(place, { recursive: true });
  }
});
