// Boot loaders and installers in a bundle: from one boot tree to another by the commands, and everything that a hostile bundle may claim.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { runCommandLine } from '../../../src/cli/command-line.ts';
import { addBundle } from '../../../src/images/bundle/bundle.ts';
import { encodeTarHeader, paddedBytes } from '../../../src/images/bundle/tar.ts';
import { listTreeParts } from '../../../src/images/parts/tree-parts.ts';
import { viewBytes } from '../../../src/net/borrowed-bytes.ts';
import { printedBy } from '../../support/printed.ts';
import { putPart } from '../../support/tree-part.ts';

const UEFI = { 'bootx64.efi': 'a shim', 'grubx64.efi': 'grub', 'copy.efi': 'grub' };
const TRIXIE = { linux: 'a kernel', 'initrd.gz': 'an initrd' };
const LOADER = 'bootloader/uefi/amd64';
const INSTALLER = 'amd64/generic/trixie/install';
const FETCHED = { fetched: ['ab'.repeat(32)] };
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

let scratch = '';
let from = '';
let to = '';
let bundle = '';
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'rackboot-bundled-part-'));
  [from, to, bundle] = [join(scratch, 'from'), join(scratch, 'to'), join(scratch, 'parts.tar')];
  for (const tree of [from, to]) mkdirSync(tree);
  putPart(from, LOADER, UEFI, { ...FETCHED, title: 'a loader', serial: '20261101', label: 'stable' });
  putPart(from, INSTALLER, TRIXIE, { ...FETCHED, title: 'Debian 13', serial: '20261102.1', os: 'debian' });
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

const images = (...words: readonly string[]) => printedBy(() => runCommandLine(['images', ...words]));
const load = (...words: readonly string[]) => images('import', bundle, '--tree', to, ...words);
async function exportAll(): Promise<void> {
  const { result, complaint } = await images('export', 'bootloader', 'debian/trixie', bundle, '--tree', from);
  assert.equal(result, 0, complaint);
}

describe('boot loaders and installers in a bundle', () => {
  test('come to another tree with the same files, names and serials, once', async () => {
    await exportAll();
    const { result, text, complaint } = await load();
    assert.equal(result, 0, complaint);
    assert.match(text, /^Imported bootloader\/uefi\/amd64\/generic\/stable\/20261101: 14 B$/m);
    assert.match(text, /^Imported installer\/debian\/trixie\/amd64: 17 B$/m);
    const facts = (tree: string) => listTreeParts(tree).map(({ origin: _, ...part }) => part);
    assert.deepEqual(facts(to), facts(from));
    for (const [directory, files] of [[LOADER, UEFI] as const, [INSTALLER, TRIXIE] as const])
      for (const [name, content] of Object.entries(files))
        assert.equal(readFileSync(join(to, directory, name), 'utf8'), content);
    assert.deepEqual(
      readdirSync(join(to, 'images')).filter((name) => name.startsWith('.part-')),
      [],
    );
    assert.match((await load()).text, /uefi\S+ is already there\.\n.*trixie\S+ is already there\./);
  });

  test('do not count as fetched from a source, whatever the bundle says', async () => {
    await exportAll();
    await load();
    assert.deepEqual(
      listTreeParts(to).map(({ origin }) => origin),
      [undefined, undefined],
    );
  });

  test('need the store in the boot tree itself', async () => {
    const other = mkdtempSync(join(tmpdir(), 'rackboot-bundled-part-'));
    try {
      await exportAll();
      symlinkSync(other, join(to, 'images'));
      const { result, complaint } = await load();
      assert.equal(result, 1);
      assert.match(complaint, /to\/images is a link, through which no machine gets images: put all of /);
    } finally {
      rmSync(other, { recursive: true });
    }
  });

  test('are refused if a file is damaged, and nothing of them appears', async () => {
    writeFileSync(join(from, LOADER, 'bootx64.efi'), 'a sham');
    const { result, complaint } = await images('export', 'bootloader', bundle, '--tree', from);
    assert.notEqual(result, 0);
    assert.match(complaint, /bootloader\/uefi\S+ is damaged/);
    assert.equal(existsSync(bundle), false);
    putPart(from, LOADER, UEFI, { title: 'a loader', serial: '20261101' });
    await exportAll();
    writeFileSync(bundle, Buffer.from(readFileSync(bundle, 'latin1').replace('a shim', 'a sham'), 'latin1'));
    assert.match((await load()).complaint, /bootloader\/uefi\S+ of \S*parts\.tar .*has the sha256 \w{64} instead of/);
    assert.equal(existsSync(join(to, LOADER)), false);
  });

  test('are mended by the import of the same bundle, and fsck names it', async () => {
    await exportAll();
    await load();
    writeFileSync(join(to, INSTALLER, 'linux'), 'a kernes');
    const { result, text, complaint } = await images('fsck', '--tree', to);
    assert.equal(result, 1, text);
    assert.match(complaint, /it came with parts\.tar; `.* images import \.\/parts\.tar --tree \S+` brings it again/);
    const { complaint: note } = await images('list', '--tree', to);
    assert.match(
      note,
      /^Missing or damaged files of installer\/debian\/trixie\/amd64: it came with parts\.tar; `.* images import /,
    );
    assert.doesNotMatch(note, /fsck/);
    assert.match((await load()).text, /^Imported installer\/debian\/trixie/m);
    assert.equal(readFileSync(join(to, INSTALLER, 'linux'), 'utf8'), 'a kernel');
  });

  test('replace older ones of a bundle, but neither newer ones nor what a person put there', async () => {
    await exportAll();
    putPart(to, LOADER, { old: 'old' }, { title: 'old', serial: '20260101', isBundled: true });
    const newer = { title: 'newer', serial: '20270101', os: 'debian', isBundled: true };
    putPart(to, INSTALLER, { linux: 'newer' }, newer);
    const { result, text, complaint } = await load();
    assert.equal(result, 0, complaint);
    assert.match(text, /^Imported bootloader\/uefi/m);
    assert.equal(existsSync(join(to, LOADER, 'old')), false);
    const words = 'the bundle has the serial 20261102.1, and this host has the newer 20270101.';
    assert.ok(text.includes(`Left installer/debian/trixie/amd64 as it is: ${words}\n`), text);
    putPart(to, INSTALLER, { linux: 'other' }, { ...newer, serial: '20261102.1' });
    assert.match(
      (await load()).complaint,
      /^installer\/debian\/trixie\/amd64 was not imported: .*and this host has other files of the serial 20261102\.1: .*images remove installer/m,
    );
    rmSync(join(to, INSTALLER, 'manifest.json'));
    assert.match((await load()).complaint, /install has files that no import put there: move it away first/);
    assert.equal(readFileSync(join(to, INSTALLER, 'linux'), 'utf8'), 'other');
  });

  for (const [what, facts, words] of [
    ['that a person made', { source: 'netboot' }, 'this host has one that was made here'],
    ['of packages', { source: undefined }, 'this host has one that was made here'],
    ['of a source', FETCHED, 'this host has that of the source maas with the serial 20200101'],
    ['of a mirror', { kernel_url: 'http://deb.example/linux' }, 'that of the source maas with the serial 20200101'],
  ] as const)
    test(`do not replace an installer ${what}, which is named, and do not end the import of the others`, async () => {
      await exportAll();
      const old = { title: 'old', serial: '20200101', os: 'debian', ...facts };
      putPart(to, INSTALLER, { linux: 'my own' }, old);
      putPart(to, LOADER, { old: 'old' }, { title: 'old', serial: '20200101' });
      writeFileSync(join(to, LOADER, 'thesis'), 'mine');
      putPart(from, 'bootloader/pxe/amd64', { 'pxelinux.0': 'pxe' }, { title: 'pxe', serial: '20261101' });
      const all = join(scratch, 'all.tar');
      assert.equal((await images('export', 'bootloader', 'debian/trixie', all, '--tree', from)).result, 0);
      const { result, text, complaint } = await images('import', all, '--tree', to);
      assert.equal(result, 1);
      assert.match(text, /^Imported bootloader\/pxe\S+: 3 B$/m);
      assert.match(complaint, /^bootloader\/uefi\S+ was not imported: .*thesis" was not put there by an import/m);
      assert.match(
        complaint,
        new RegExp(`^installer/debian/trixie/amd64 was not imported: .*${words}: to replace it, `, 'm'),
      );
      assert.equal(readFileSync(join(to, INSTALLER, 'linux'), 'utf8'), 'my own');
    });

  test('bring back the damaged files of an installer that a person made, which stays theirs', async () => {
    await exportAll();
    putPart(to, INSTALLER, TRIXIE, { title: 'mine', os: 'debian', source: 'netboot' });
    const manifest = readFileSync(join(to, INSTALLER, 'manifest.json'), 'utf8');
    rmSync(join(to, INSTALLER, 'linux'));
    assert.match((await load()).text, /^Imported installer\/debian\/trixie/m);
    assert.equal(readFileSync(join(to, INSTALLER, 'linux'), 'utf8'), 'a kernel');
    assert.equal(readFileSync(join(to, INSTALLER, 'manifest.json'), 'utf8'), manifest);
  });

  test('of two bundles that are imported at once do not replace each other’s installers of another system', async () => {
    await exportAll();
    const evil = join(scratch, 'evil.tar');
    putPart(
      from,
      INSTALLER,
      { linux: 'evil', 'initrd.gz': 'evil' },
      { ...FETCHED, title: 'Evil', serial: '20261102.1', os: 'evil' },
    );
    assert.equal((await images('export', 'evil/trixie', evil, '--tree', from)).result, 0);
    const kinds: string[] = [];
    const fail = (): never => assert.fail('no image was exported');
    const add = async (path: string): Promise<void> => {
      const bytes = readFileSync(path);
      const read = async (at: number, length: number) => Uint8Array.from(viewBytes(bytes, at, at + length));
      const file = { bytes: bytes.length, read };
      await addBundle({
        tree: to,
        file,
        fileName: path,
        nowMs: 0,
        onAdded: fail,
        onRefused: fail,
        onPart: ({ kind }, result) => (kind === 'installer' ? kinds.push(result.kind) : undefined),
      });
    };
    await Promise.all([bundle, evil].map(add));
    assert.deepEqual(kinds.toSorted(), ['added', 'refused']);
  });

  test('of an older bundle are left out as such even if a newer one is imported meanwhile', async () => {
    await exportAll();
    const newer = join(scratch, 'newer.tar');
    putPart(from, INSTALLER, { ...TRIXIE, linux: 'newer' }, { title: 'Newer', serial: '20261103', os: 'debian' });
    assert.equal((await images('export', 'debian/trixie', newer, '--tree', from)).result, 0);
    const bytes = readFileSync(bundle);
    const results: string[] = [];
    const fail = (): never => assert.fail('no image was exported');
    await addBundle({
      tree: to,
      fileName: bundle,
      nowMs: 0,
      onAdded: fail,
      onRefused: fail,
      file: {
        bytes: bytes.length,
        read: async (at, length) => {
          if (at === bytes.indexOf('a kernel')) assert.equal((await images('import', newer, '--tree', to)).result, 0);
          return Uint8Array.from(viewBytes(bytes, at, at + length));
        },
      },
      onPart: ({ kind }, result) => results.push(`${kind} ${result.kind}`),
    });
    assert.deepEqual(results, ['loader added', 'installer newer']);
    assert.equal(readFileSync(join(to, INSTALLER, 'linux'), 'utf8'), 'newer');
  });

  for (const [what, files] of [
    ['a kernel', { 'initrd.gz': 'an initrd' }],
    ['an initrd', { linux: 'a kernel' }],
    ['any byte in its kernel', { linux: '', 'initrd.gz': 'an initrd' }],
    ['any byte in its initrd', { linux: 'a kernel', 'initrd.gz': '' }],
  ] as const)
    test(`with an installer without ${what} bring everything else, and name it`, async () => {
      putPart(from, INSTALLER, files, { ...FETCHED, title: 'Debian 13', serial: '20261102.1', os: 'debian' });
      await exportAll();
      const { result, text, complaint } = await load();
      assert.equal(result, 1);
      assert.match(text, /^Imported bootloader\/uefi/m);
      assert.match(
        complaint,
        /^installer\/debian\/trixie\/amd64 was not imported: its linux or initrd\.gz is missing/m,
      );
      assert.equal(existsSync(join(to, INSTALLER)), false);
    });

  test('cannot name a path out of their directories', async () => {
    const good = { schema: 1, kind: 'loader', release: 'uefi', architecture: 'amd64', label: 'stable', title: 't' };
    const file = { name: 'f', bytes: 1, sha256: sha256('x') };
    const whole = { ...good, serial: '20261101', files: [file] };
    for (const wrong of [
      { ...whole, release: '..' },
      { ...whole, architecture: '../../etc' },
      { ...whole, label: 'a/b' },
      { ...whole, kind: 'environment' },
      { ...whole, kind: 'installer', os: 'debian', architecture: 'images' },
      { ...whole, kind: 'installer', os: '..' },
      { ...whole, serial: 'new' },
      { ...whole, files: [] },
      { ...whole, files: [{ ...file, name: '../f' }] },
      { ...whole, files: [{ ...file, name: 'manifest.json' }] },
      { ...whole, files: [file, file] },
      { ...whole, files: [{ ...file, bytes: -1 }] },
      { ...whole, files: [{ ...file, sha256: '../x' }] },
    ]) {
      writeBundleOf(JSON.stringify(wrong), [['x', 'file']]);
      assert.match(
        (await load()).complaint,
        /it does not describe a boot loader or an installer/,
        JSON.stringify(wrong),
      );
    }
    writeBundleOf(JSON.stringify(whole), [['x', 'file']]);
    assert.equal((await load()).result, 0);
    assert.equal(readFileSync(join(to, LOADER, 'f'), 'utf8'), 'x');
  });

  test('of a bundle that lacks one of their files are refused before anything is added', async () => {
    const file = (text: string) => ({ name: text, bytes: 1, sha256: sha256(text) });
    const part = { schema: 1, kind: 'loader', release: 'uefi', architecture: 'amd64', label: 'stable', title: 't' };
    writeBundleOf(JSON.stringify({ ...part, serial: '20261101', files: [file('x'), file('y')] }), [['x', 'file']]);
    assert.match((await load()).complaint, /it lacks the bytes of bootloader\/uefi/);
    assert.equal(existsSync(join(to, 'bootloader')), false);
  });
});

/** Writes a bundle with a part and these contents. */
function writeBundleOf(part: string, contents: readonly (readonly [text: string, end: string])[]): void {
  const files = [
    ['rackboot-images-1', '1 image\n'],
    [`${sha256(part)}.part.json`, part],
    ...contents.map(([text, end]) => [`${sha256(text)}.${end}`, text] as const),
  ] as const;
  const blocks = files.flatMap(([name, text]) => {
    const bytes = Buffer.from(text);
    return [
      encodeTarHeader({ name, bytes: bytes.length }),
      bytes,
      Buffer.alloc(paddedBytes(bytes.length) - bytes.length),
    ];
  });
  writeFileSync(bundle, Buffer.concat([...blocks, Buffer.alloc(1024)]));
}
