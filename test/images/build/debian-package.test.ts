import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, readlinkSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { unpackPackage } from '../../../src/images/build/debian-package.ts';
import { missing } from '../../support/needs.ts';
import { makePackage } from '../synthetic.ts';

describe('an unpacked package', { skip: missing('dpkg-deb') }, () => {
  let scratch = '';
  let root = '';

  before(() => {
    scratch = realpathSync(mkdtempSync(join(tmpdir(), 'rackboot-package-')));
    root = join(scratch, 'unpacked');
  });
  after(() => rmSync(scratch, { recursive: true, force: true }));

  async function unpack(name: string, files: Record<string, string>, links: Record<string, string>): Promise<void> {
    await unpackPackage(makePackage(scratch, { name, architecture: 'all', files, links }), root);
  }

  test('has links that lead into it, as if it were the root of a system', async () => {
    await unpack(
      'one',
      { 'boot/ipxe.efi': 'of the package', 'usr/share/one/deep/file': 'deep' },
      {
        'usr/lib/ipxe/ipxe.efi': '/boot/ipxe.efi',
        'usr/lib/ipxe/above': '../../../../../../../boot/ipxe.efi',
        'usr/lib/ipxe/sibling': 'ipxe.efi',
        'usr/lib/one': '/usr/share/one',
        slash: '/',
      },
    );
    for (const path of ['usr/lib/ipxe/ipxe.efi', 'usr/lib/ipxe/above', 'usr/lib/ipxe/sibling', 'slash/boot/ipxe.efi'])
      assert.equal(readFileSync(join(root, path), 'utf8'), 'of the package', path);
    assert.equal(readFileSync(join(root, 'usr/lib/one/deep/file'), 'utf8'), 'deep');
    assert.equal(readlinkSync(join(root, 'usr/lib/ipxe/sibling')), 'ipxe.efi');
    assert.equal(realpathSync(join(root, 'slash')), root);
  });

  test('has no file of the host behind a link, not even one that the package does not have', async () => {
    await unpack('two', {}, { 'etc/host': '/etc/hostname', 'etc/far': '../../../../../../../../etc/hostname' });
    assert.ok(existsSync('/etc/hostname'));
    for (const path of ['etc/host', 'etc/far']) assert.ok(!existsSync(join(root, path)), path);
  });
});
