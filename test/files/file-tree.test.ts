// The boot tree on a real directory: which files open, which do not, and what happens when files change meanwhile.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  BootTree,
  FILES_KEPT_MAX,
  FILES_OPEN_MAX,
  LOOKUPS_WAITING_MAX,
  PATH_CHARACTERS_MAX,
  splitPath,
} from '../../src/files/file-tree.ts';
import type { OpenedFile } from '../../src/files/opened-file.ts';
import { SLICE_BYTES } from '../../src/files/slice-cache.ts';
import { CONNECTIONS_MAX } from '../../src/http/server.ts';
import { PIPELINED_MAX } from '../../src/net/shares/connection-shares.ts';
import { TRANSFERS_MAX, UNANSWERED_MAX } from '../../src/tftp/places.ts';
import { NOBODY } from '../support/another-user.ts';
import { seededRandom } from '../support/seeded-random.ts';

function makeTree(context: TestContext, files: Readonly<Record<string, string | Uint8Array>>): string {
  const base = mkdtempSync(join(tmpdir(), 'rackboot-files-'));
  context.after(() => rmSync(base, { recursive: true, force: true }));
  const root = join(base, 'boot');
  mkdirSync(root);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  writeFileSync(join(base, 'secret'), 'secret');
  mkdirSync(join(base, 'boot-other'));
  writeFileSync(join(base, 'boot-other', 'secret'), 'secret');
  return root;
}

async function readAll(file: OpenedFile, step = 100_000): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for (let offset = 0; offset < file.sizeBytes; offset += step) parts.push(await file.read(offset, step));
  return Buffer.concat(parts);
}

async function readText(tree: BootTree, path: string): Promise<string | undefined> {
  const file = await tree.open(path);
  if (file === undefined) return undefined;
  const text = (await readAll(file)).toString();
  file.close();
  return text;
}

function noise(length: number, seed = 1): Buffer {
  const random = seededRandom(seed);
  return Buffer.from(Uint8Array.from({ length }, () => Math.floor(random() * 256)));
}

const UUID = '11111111-2222-4333-8444-555555555555';

test('a path is names without empty ones, `.`, `..` and those of Rackboot itself', () => {
  const cases: readonly (readonly [string, boolean])[] = [
    ['a', true],
    ['a/b/c.efi', true],
    ['grub/x86_64-efi/command.lst', true],
    ['a..b', true],
    ['a b', true],
    ['', false],
    ['/a', false],
    ['a/', false],
    ['a//b', false],
    ['.', false],
    ['..', false],
    ['a/../b', false],
    ['a/./b', false],
    ['.treeinfo', true],
    ['profiles/debian/.disk/info', true],
    ['...', true],
    ['images/.lock', false],
    ['images/.uploads/1-0123456789abcdef.part', false],
    ['images/.downloads/x', false],
    ['profiles/images/.lock', true],
    ['images/fedora/.treeinfo', true],
    [`.ipxe.efi.${UUID}`, false],
    [`images/.part-${UUID}`, false],
    [`images/.linux.new-${UUID}/linux`, false],
    ['.rackboot-mirror/record.json', false],
    ['a\0b', false],
    ['a'.repeat(PATH_CHARACTERS_MAX), true],
    ['a'.repeat(PATH_CHARACTERS_MAX + 1), false],
  ];
  for (const [path, allowed] of cases) assert.equal(splitPath(path) !== undefined, allowed, JSON.stringify(path));
});

test('a link is followed inside the tree and never out of it', async (context) => {
  const root = makeTree(context, { 'real/kernel': 'kernel', '.store/blob': 'blob', 'images/.lock': '' });
  symlinkSync('real/kernel', join(root, 'inside'));
  symlinkSync('real', join(root, 'directory'));
  symlinkSync(join(root, 'real/kernel'), join(root, 'absolute'));
  symlinkSync('../secret', join(root, 'outside'));
  symlinkSync('..', join(root, 'parent'));
  symlinkSync('../boot-other', join(root, 'neighbour'));
  symlinkSync('/etc', join(root, 'etc'));
  symlinkSync('loop', join(root, 'loop'));
  symlinkSync('nothing', join(root, 'dangling'));
  symlinkSync('.store/blob', join(root, 'stored'));
  symlinkSync('images/.lock', join(root, 'lock'));
  symlinkSync('.', join(root, 'self'));
  const tree = await BootTree.open(root);
  context.after(() => tree.close());
  const cases: readonly (readonly [string, string | undefined])[] = [
    ['real/kernel', 'kernel'],
    ['inside', 'kernel'],
    ['directory/kernel', 'kernel'],
    ['absolute', 'kernel'],
    ['stored', 'blob'],
    ['.store/blob', 'blob'],
    ['lock', undefined],
    ['outside', undefined],
    ['parent/secret', undefined],
    ['neighbour/secret', undefined],
    ['etc/hostname', undefined],
    ['loop', undefined],
    ['dangling', undefined],
    ['absent', undefined],
    ['real/kernel/below', undefined],
    ['real', undefined],
    ['a'.repeat(300), undefined],
  ];
  for (const [path, expected] of cases) assert.equal(await readText(tree, path), expected, path);
  for (const [path, expected] of cases) {
    if (path !== '.store/blob') assert.equal(tree.hasFile(path), expected !== undefined, `index: ${path}`);
  }
  assert.equal(tree.hasFile('self/real/kernel'), false);
});

test('only regular files are opened, and a FIFO does not block the reader', async (context) => {
  const root = makeTree(context, { 'a/file': 'x' });
  execFileSync('mkfifo', [join(root, 'fifo')]);
  const tree = await BootTree.open(root);
  context.after(() => tree.close());
  assert.equal(await tree.open('fifo'), undefined);
  assert.equal(await tree.open('a'), undefined);
  assert.equal(tree.hasFile('fifo'), false);
});

test('an unreadable file counts as missing', async (context) => {
  const root = makeTree(context, { closed: 'x', 'locked/file': 'x', open: 'x' });
  chmodSync(dirname(root), 0o755);
  chmodSync(join(root, 'closed'), 0);
  chmodSync(join(root, 'locked'), 0);
  // Root may read everything, so the test switches to another user meanwhile.
  const wasRoot = process.geteuid?.() === 0;
  if (wasRoot) process.seteuid?.(NOBODY);
  context.after(() => wasRoot && process.seteuid?.(0));
  const tree = await BootTree.open(root);
  assert.equal(await tree.open('closed'), undefined);
  assert.equal(await tree.open('locked/file'), undefined);
  assert.equal(await readText(tree, 'open'), 'x');
  tree.close();
  if (wasRoot) process.seteuid?.(0);
  // Let the test's user remove it again.
  chmodSync(join(root, 'locked'), 0o755);
});

test('replacing a directory with a link to outside gains nothing', async (context) => {
  const root = makeTree(context, { 'a/secret': 'mine' });
  const tree = await BootTree.open(root);
  context.after(() => tree.close());
  for (let round = 0; round < 50; round += 1) {
    const opening = Promise.all(Array.from({ length: 8 }, () => tree.open('a/secret')));
    renameSync(join(root, 'a'), join(root, 'b'));
    symlinkSync('../boot-other', join(root, 'a'));
    const early = await opening;
    const late = await tree.open('a/secret');
    for (const file of [...early, late]) {
      if (file === undefined) continue;
      assert.equal((await readAll(file)).toString(), 'mine');
      file.close();
    }
    rmSync(join(root, 'a'));
    renameSync(join(root, 'b'), join(root, 'a'));
  }
});

test('a path that was opened before is checked again when it leads elsewhere', async (context) => {
  const root = makeTree(context, { 'first/linux': 'first', 'other/linux': 'other' });
  const tree = await BootTree.open(root);
  context.after(() => tree.close());
  const turn = (target: string): void => {
    rmSync(join(root, 'current'), { force: true });
    symlinkSync(target, join(root, 'current'));
  };
  const cases: readonly (readonly [string, string | undefined])[] = [
    ['first', 'first'],
    ['other', 'other'],
    ['../boot-other', undefined],
    ['first', 'first'],
  ];
  for (const [target, expected] of cases) {
    turn(target);
    writeFileSync(join(root, '..', 'boot-other', 'linux'), 'secret');
    await tree.refresh();
    assert.equal(await readText(tree, 'current/linux'), expected, target);
    assert.equal(await readText(tree, 'current/linux'), expected, `${target} again`);
  }
  rmSync(join(root, 'current'));
  await tree.refresh();
  assert.equal(await readText(tree, 'current/linux'), undefined);
});

test('any part of a file is read correctly', async (context) => {
  const content = noise(3 * SLICE_BYTES + 17);
  const root = makeTree(context, { big: content, empty: '' });
  const tree = await BootTree.open(root);
  context.after(() => tree.close());
  const file = await tree.open('big');
  assert.ok(file);
  const seed = 20;
  const random = seededRandom(seed);
  for (let round = 0; round < 300; round += 1) {
    const offset = Math.floor(random() * (content.length + 10));
    const length = Math.floor(random() * (round % 10 === 0 ? 2 * SLICE_BYTES : 70_000));
    const piece = await file.read(offset, length);
    assert.ok(content.subarray(offset, offset + length).equals(piece), `seed ${seed} round ${round}`);
  }
  assert.ok((await readAll(file, 4 * SLICE_BYTES)).equals(content));
  file.close();
  file.close();
  assert.throws(() => file.read(0, 1), /after it was closed/);
  const empty = await tree.open('empty');
  assert.equal(empty?.sizeBytes, 0);
  assert.deepEqual(empty?.read(0, 512), new Uint8Array(0));
  empty?.close();
});

test('two hundred readers of one file read each slice once, and a held slice is returned synchronously', async (context) => {
  const content = noise(2 * SLICE_BYTES);
  const root = makeTree(context, { kernel: content });
  symlinkSync('kernel', join(root, 'alias'));
  const tree = await BootTree.open(root);
  context.after(() => tree.close());
  const readers = await Promise.all(
    Array.from({ length: 200 }, (_, index) => tree.open(index % 2 === 0 ? 'kernel' : 'alias')),
  );
  for (const bytes of await Promise.all(readers.map((reader) => reader && readAll(reader)))) {
    assert.ok(bytes?.equals(content));
  }
  assert.deepEqual(tree.counters().filesOpen, 1);
  assert.equal(tree.counters().slicesRead, 2);
  assert.ok(readers[0]?.read(5, 1000) instanceof Uint8Array);
  for (const reader of readers) reader?.close();
});

test('an open file keeps its content when another is renamed over it', async (context) => {
  const root = makeTree(context, { kernel: 'old content' });
  const tree = await BootTree.open(root);
  context.after(() => tree.close());
  const old = await tree.open('kernel');
  writeFileSync(join(root, 'kernel.new'), 'new content!');
  renameSync(join(root, 'kernel.new'), join(root, 'kernel'));
  await tree.refresh();
  const fresh = await tree.open('kernel');
  assert.ok(old && fresh);
  assert.equal((await readAll(old)).toString(), 'old content');
  assert.equal((await readAll(fresh)).toString(), 'new content!');
  assert.notEqual(old.etag, fresh.etag);
  assert.equal(tree.counters().filesOpen, 2);
  old.close();
  assert.equal(tree.counters().filesOpen, 1);
  fresh.close();
});

test('a file overwritten in place fails its readers and is new for the next', async (context) => {
  const root = makeTree(context, { longer: noise(SLICE_BYTES * 3), shorter: noise(SLICE_BYTES * 3) });
  const tree = await BootTree.open(root);
  context.after(() => tree.close());
  for (const [name, change] of [
    ['longer', (path: string) => appendFileSync(path, 'more')],
    ['shorter', (path: string) => truncateSync(path, SLICE_BYTES)],
  ] as const) {
    const file = await tree.open(name);
    assert.ok(file);
    await file.read(0, 10);
    change(join(root, name));
    await assert.rejects(async () => file.read(SLICE_BYTES * 2, 10), /was overwritten while it was being sent/);
    const next = await tree.open(name);
    assert.ok(next !== undefined && next.sizeBytes !== file.sizeBytes);
    await next.read(0, 10);
    file.close();
    next.close();
  }
});

test('a client that reads hundreds of different files takes none from others', async (context) => {
  const names = Array.from({ length: 600 }, (_, index) => `f${index}`);
  const root = makeTree(context, Object.fromEntries([...names, 'loader'].map((name) => [name, Buffer.from(name)])));
  const tree = await BootTree.open(root, 10_000);
  context.after(() => tree.close());
  const held = await Promise.all(names.map((name) => tree.open(name)));
  const loader = await tree.open('loader');
  assert.equal(Buffer.from((await loader?.read(0, 10)) ?? []).toString(), 'loader');
  loader?.close();
  for (const file of held) file?.close();
});

test('as many files can be open as there are transfers and responses', () => {
  assert.ok(FILES_OPEN_MAX >= UNANSWERED_MAX + TRANSFERS_MAX + CONNECTIONS_MAX * PIPELINED_MAX);
});

test('memory and descriptors stay within their bounds', async (context) => {
  const files: Record<string, Uint8Array> = {};
  for (let index = 0; index < FILES_KEPT_MAX + 20; index += 1) files[`f${index}`] = Buffer.alloc(1000, index);
  const root = makeTree(context, files);
  const tree = await BootTree.open(root, 10_000);
  context.after(() => tree.close());
  for (const name of Object.keys(files)) {
    const file = await tree.open(name);
    assert.ok(file);
    assert.deepEqual(Buffer.from(await file.read(0, 2000)), files[name]);
    file.close();
    assert.ok(tree.counters().cachedBytes <= 10_000);
    assert.ok(tree.counters().filesOpen <= FILES_KEPT_MAX);
  }
});

test('beyond the bound a new file is refused, and open files remain readable', async (context) => {
  const names = Array.from({ length: FILES_OPEN_MAX + 1 }, (_, index) => `f${index}`);
  const tree = await BootTree.open(makeTree(context, Object.fromEntries(names.map((name) => [name, 'x']))), 10_000);
  context.after(() => tree.close());
  const held: OpenedFile[] = [];
  for (let index = 0; index < FILES_OPEN_MAX; index += 64) {
    const opened = await Promise.all(names.slice(index, index + 64).map((name) => tree.open(name)));
    held.push(...opened.filter((file) => file !== undefined).slice(0, FILES_OPEN_MAX - held.length));
  }
  assert.equal(held.length, FILES_OPEN_MAX);
  await assert.rejects(tree.open(`f${FILES_OPEN_MAX}`), /different files .* are in use/);
  const again = await tree.open('f3');
  assert.equal(again?.sizeBytes, 1);
  again?.close();
  for (const file of held) file.close();
  const another = await tree.open(`f${FILES_OPEN_MAX}`);
  assert.ok(another !== undefined);
  another.close();
  assert.ok(tree.counters().filesOpen <= FILES_KEPT_MAX);
});

test('a cache smaller than one slice slows readers down but does not stop them', async (context) => {
  const content = noise(SLICE_BYTES * 2 + 5);
  const root = makeTree(context, { big: content });
  const tree = await BootTree.open(root, 1);
  context.after(() => tree.close());
  const readers = await Promise.all(Array.from({ length: 5 }, () => tree.open('big')));
  const read = await Promise.all(readers.map((reader) => reader && readAll(reader, 300_000)));
  for (const bytes of read) assert.ok(bytes?.equals(content));
  assert.equal(tree.counters().cachedBytes, 0);
  for (const reader of readers) reader?.close();
});

test('the index holds every file that can be requested, and follows a refresh', async (context) => {
  const root = makeTree(context, {
    'amd64/generic/bookworm/install/linux': 'k',
    'amd64/generic/bookworm/.hidden/linux': 'k',
    '.amd64/generic/bookworm/install/linux': 'k',
    'amd64/generic/bookworm/deep/er/linux': 'k',
    'pxelinux.0': 'loader',
  });
  mkdirSync(join(root, 'amd64/generic/bookworm/void'));
  const tree = await BootTree.open(root);
  context.after(() => tree.close());
  const held = {
    'amd64/generic/bookworm/install/linux': true,
    'amd64/generic/bookworm/deep/er/linux': true,
    'amd64/generic/bookworm/.hidden/linux': false,
    '.amd64/generic/bookworm/install/linux': false,
    'amd64/generic/bookworm/void': false,
    'pxelinux.0': true,
  };
  for (const [path, isHeld] of Object.entries(held)) assert.equal(tree.hasFile(path), isHeld, path);
  writeFileSync(join(root, 'late'), 'x');
  assert.equal(tree.hasFile('late'), false);
  await Promise.all([tree.refresh(), tree.refresh()]);
  assert.equal(tree.hasFile('late'), true);
});

test('a tree whose directory is a link follows the link when it is switched', async (context) => {
  const root = makeTree(context, { file: 'first' });
  const next = join(dirname(root), 'next');
  mkdirSync(next);
  writeFileSync(join(next, 'file'), 'second');
  const current = join(dirname(root), 'current');
  symlinkSync(root, current);
  const tree = await BootTree.open(current);
  context.after(() => tree.close());
  assert.equal(await readText(tree, 'file'), 'first');
  rmSync(current);
  symlinkSync(next, current);
  await tree.refresh();
  assert.equal(await readText(tree, 'file'), 'second');
});

test('a tree that is missing or not a directory is refused by name', async (context) => {
  const root = makeTree(context, { file: 'x' });
  await assert.rejects(BootTree.open(join(root, 'absent')), { code: 'tree-unreadable', message: /absent/ });
  await assert.rejects(BootTree.open(join(root, 'file')), { code: 'tree-unreadable', message: /not a directory/ });
});

test('LOOKUPS_WAITING_MAX callers wait for look-ups, of many names or of one; one more is refused', async (context) => {
  const tree = await BootTree.open(makeTree(context, { f0: 'zero' }));
  context.after(() => tree.close());
  for (const isOne of [false, true]) {
    const all = Array.from({ length: LOOKUPS_WAITING_MAX }, (_, index) => tree.open(isOne ? 'f0' : `f${index}`));
    const beyond = assert.rejects(tree.open('beyond'), /callers already wait for files/);
    await assert.rejects(tree.open('f0'), /callers already wait for files/);
    await beyond;
    assert.notEqual(await all[0], undefined);
    for (const file of await Promise.all(all)) file?.close();
    assert.equal(await tree.open('beyond'), undefined);
  }
});
