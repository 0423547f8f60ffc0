import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { installLoaders, listLoaders } from '../../../src/images/build/loaders.ts';
import { missing } from '../../support/needs.ts';
import { makePackage } from '../synthetic.ts';

/** The packages for arm64, whose loaders contain `mark`. */
function makePackages(directory: string, mark: string): string[] {
  mkdirSync(directory, { recursive: true });
  return [
    ['shim-signed', 'usr/lib/shim/shimaa64.efi.signed'],
    ['shim-helpers-arm64-signed', 'usr/lib/shim/mmaa64.efi.signed'],
    ['grub-efi-arm64-signed', 'usr/lib/grub/arm64-efi-signed/grubnetaa64.efi.signed'],
    ['ipxe', 'usr/lib/ipxe/ipxe-arm64.efi'],
  ].map(([name = '', path = '']) => {
    return makePackage(directory, { name, architecture: 'arm64', files: { [path]: `${name} ${mark}` } });
  });
}

describe('boot loaders', { skip: missing('dpkg-deb') }, () => {
  let scratch = '';
  let older: string[] = [];
  let newer: string[] = [];

  before(() => {
    scratch = mkdtempSync(join(tmpdir(), 'rackboot-loaders-'));
    older = makePackages(join(scratch, 'older'), 'one');
    newer = makePackages(join(scratch, 'newer'), 'two');
  });
  after(() => rmSync(scratch, { recursive: true, force: true }));

  async function install(tree: string, packages: readonly string[], arch = 'arm64') {
    const said: string[] = [];
    const workDir = join(scratch, 'work');
    const onProgress = (text: string): void => void said.push(text);
    const published = await installLoaders({ tree, arch, packages, workDir, onProgress });
    return { names: published.files.map(({ name }) => name), said };
  }

  test('are installed under the names that firmware and shim ask for, readable by all', async () => {
    const tree = join(scratch, 'fresh');
    const { names } = await install(tree, older);
    assert.deepEqual(names, ['bootaa64.efi', 'mmaa64.efi', 'grubaa64.efi', 'ipxe-arm64.efi']);
    assert.equal(readFileSync(join(tree, 'bootaa64.efi'), 'utf8'), 'shim-signed one');
    assert.equal(statSync(join(tree, 'bootaa64.efi')).mode & 0o777, 0o644);
    assert.match(readFileSync(join(tree, '.loaders-arm64.json'), 'utf8'), /"name": "grub-efi-arm64-signed"/);
  });

  test('are replaced by newer ones when an earlier run installed them', async () => {
    const tree = join(scratch, 'update');
    await install(tree, older);
    await install(tree, newer);
    assert.equal(readFileSync(join(tree, 'grubaa64.efi'), 'utf8'), 'grub-efi-arm64-signed two');
  });

  test('are kept when the administrator put them there', async () => {
    const tree = join(scratch, 'own');
    mkdirSync(tree);
    writeFileSync(join(tree, 'bootaa64.efi'), 'my own');
    for (const packages of [older, newer]) {
      const { names, said } = await install(tree, packages);
      assert.deepEqual(names, ['mmaa64.efi', 'grubaa64.efi', 'ipxe-arm64.efi']);
      assert.ok(said.some((text) => text.startsWith('Keeping bootaa64.efi')));
    }
    assert.equal(readFileSync(join(tree, 'bootaa64.efi'), 'utf8'), 'my own');
  });

  test('are installed without a file that an older package does not have', async () => {
    const bare = makePackage(join(scratch, 'older-ipxe'), {
      name: 'ipxe',
      architecture: 'arm64',
      version: '0.1',
      files: {},
    });
    const { names, said } = await install(join(scratch, 'bare'), [...newer.slice(0, 3), bare]);
    assert.deepEqual(names, ['bootaa64.efi', 'mmaa64.efi', 'grubaa64.efi']);
    assert.ok(said.some((text) => text.startsWith('Omitting ipxe-arm64.efi')));
  });

  test('are kept when they were changed since, and the reason is said', async () => {
    const tree = join(scratch, 'changed');
    await install(tree, older);
    writeFileSync(join(tree, 'grubaa64.efi'), 'damaged');
    const { said } = await install(tree, newer);
    assert.ok(said.some((text) => /^Keeping grubaa64\.efi: it was changed since/.test(text)));
    assert.equal(readFileSync(join(tree, 'grubaa64.efi'), 'utf8'), 'damaged');
  });

  test("are listed as installed, as changed, as a person's, or as missing", async () => {
    const tree = join(scratch, 'listed');
    await install(tree, older);
    writeFileSync(join(tree, 'grubaa64.efi'), 'my own');
    rmSync(join(tree, 'mmaa64.efi'));
    writeFileSync(join(tree, 'memdisk'), 'my own');
    const listed = await listLoaders(tree);
    assert.deepEqual(
      listed.flatMap(({ architecture, name, state, version }) =>
        architecture === 'arm64' ? [[name, state, version]] : [],
      ),
      [
        ['bootaa64.efi', 'installed', '1.0-1'],
        ['mmaa64.efi', 'missing', '1.0-1'],
        ['grubaa64.efi', 'changed', '1.0-1'],
        ['ipxe-arm64.efi', 'installed', '1.0-1'],
      ],
    );
    const others = listed.filter(({ architecture }) => architecture !== 'arm64');
    for (const { name, state, version } of others)
      assert.deepEqual([state, version], [name === 'memdisk' ? 'own' : 'missing', undefined], name);
  });

  test('of another architecture count as installed: both kinds of x86 share files', async () => {
    const tree = join(scratch, 'shared');
    await install(tree, older);
    renameSync(join(tree, '.loaders-arm64.json'), join(tree, '.loaders-i386.json'));
    const { names } = await install(tree, newer);
    assert.deepEqual(names, ['bootaa64.efi', 'mmaa64.efi', 'grubaa64.efi', 'ipxe-arm64.efi']);
  });

  test('are refused, by the missing package, when one was not given', async () => {
    await assert.rejects(install(join(scratch, 'part'), older.slice(0, 1)), {
      code: 'bad-argument',
      message: 'the loaders for arm64 also need: shim-helpers-arm64-signed, grub-efi-arm64-signed, ipxe',
    });
  });

  test('are refused for an architecture that has none, with those that have', async () => {
    await assert.rejects(install(scratch, [], 'sparc'), {
      code: 'bad-argument',
      message: /amd64, arm64, armhf, i386, loong64, riscv64$/,
    });
  });
});
