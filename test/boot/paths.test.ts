// Identities are written into paths and read back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  BOOT_PATH_BYTES_MAX,
  type BootPath,
  type ConfigIdentity,
  formatConfigPath,
  type LoaderLanguage,
  normalizePath,
  parseBootPath,
  swapUuid,
} from '../../src/boot/paths.ts';
import { ipv4, mac } from '../../src/ground/address.ts';
import { codePoint } from '../support/any-text.ts';
import { hw, ip } from '../support/lab-facts.ts';

const MAC = hw('52:54:00:12:34:56');
const UUID = '4c4c4544-0043-3010-8052-b4c04f564231';

const NORMAL: readonly [string, string | undefined][] = [
  ['pxelinux.cfg/default', 'pxelinux.cfg/default'],
  ['/grub/grub.cfg', 'grub/grub.cfg'],
  ['//grubx64.efi', 'grubx64.efi'],
  ['\\EFI\\BOOT\\grubx64.efi', 'EFI/BOOT/grubx64.efi'],
  ['./a/./b', 'a/b'],
  ['a//b/', 'a/b'],
  ['a/..b/c', 'a/..b/c'],
  ['a/../b', undefined],
  ['..', undefined],
  ['..\\..\\etc\\passwd', undefined],
  ['a\u0000b', undefined],
  ['a\nb', undefined],
  ['', undefined],
  ['/', undefined],
  ['x'.repeat(BOOT_PATH_BYTES_MAX), 'x'.repeat(BOOT_PATH_BYTES_MAX)],
  ['x'.repeat(BOOT_PATH_BYTES_MAX + 1), undefined],
  ['é'.repeat(BOOT_PATH_BYTES_MAX / 2 + 1), undefined],
];

for (const [asked, expected] of NORMAL) {
  test(`${JSON.stringify(asked.slice(0, 40))} is ${expected === undefined ? 'refused' : 'normalised'}`, () => {
    assert.equal(normalizePath(asked), expected);
    assert.equal(parseBootPath(asked).kind === 'refused', expected === undefined);
  });
}

const CONFIGS: readonly [string, LoaderLanguage, ConfigIdentity][] = [
  ['pxelinux.cfg/01-52-54-00-12-34-56', 'pxelinux', { kind: 'mac', mac: MAC }],
  ['/pxelinux.cfg/01-52-54-00-12-34-56', 'pxelinux', { kind: 'mac', mac: MAC }],
  [`pxelinux.cfg/${UUID.toUpperCase()}`, 'pxelinux', { kind: 'uuid', uuid: UUID }],
  ['pxelinux.cfg/0A140064', 'pxelinux', { kind: 'address', address: ip('10.20.0.100') }],
  ['pxelinux.cfg/0A14006', 'pxelinux', { kind: 'address-prefix', digits: '0A14006' }],
  ['pxelinux.cfg/0', 'pxelinux', { kind: 'address-prefix', digits: '0' }],
  ['pxelinux.cfg/default', 'pxelinux', { kind: 'default', architecture: undefined, subarchitecture: undefined }],
  [
    'ppc64el/pxelinux.cfg/default',
    'pxelinux',
    { kind: 'default', architecture: 'ppc64el', subarchitecture: undefined },
  ],
  ['pxelinux.cfg/default-arm64', 'pxelinux', { kind: 'default', architecture: 'arm64', subarchitecture: undefined }],
  ['pxelinux.cfg/default.arm64', 'pxelinux', { kind: 'default', architecture: 'arm64', subarchitecture: undefined }],
  [
    'pxelinux.cfg/default-arm-vexpress',
    'pxelinux',
    { kind: 'default', architecture: 'armhf', subarchitecture: 'vexpress' },
  ],
  ['grub/grub.cfg', 'grub', { kind: 'first' }],
  ['/debian-installer/amd64/grub/grub.cfg', 'grub', { kind: 'first' }],
  ['EFI/debian/grub.cfg', 'grub', { kind: 'first' }],
  ['grub/grub.cfg-52:54:00:12:34:56', 'grub', { kind: 'mac', mac: MAC }],
  ['boot/grub/grub.cfg-52-54-00-12-34-56', 'grub', { kind: 'mac', mac: MAC }],
  ['grub/grub.cfg-default-x86_64', 'grub', { kind: 'default', architecture: 'amd64', subarchitecture: undefined }],
  [
    'grub/grub.cfg-default-amd64-hwe-6.1',
    'grub',
    { kind: 'default', architecture: 'amd64', subarchitecture: 'hwe-6.1' },
  ],
  ['ipxe.cfg', 'ipxe', { kind: 'first' }],
  ['ipxe.cfg-52-54-00-12-34-56', 'ipxe', { kind: 'mac', mac: MAC }],
  ['ipxe.cfg-default-i386', 'ipxe', { kind: 'default', architecture: 'i386', subarchitecture: undefined }],
];

for (const [path, language, identity] of CONFIGS) {
  test(`${path} is a configuration of ${language}`, () => {
    const parsed = parseBootPath(path);
    assert.deepEqual(parsed, { kind: 'config', path: path.replace(/^\//, ''), language, identity });
  });
}

const FILES: readonly [string, string | undefined][] = [
  ['amd64/generic/bookworm/commissioning/linux', undefined],
  ['bootx64.efi', undefined],
  ['EFI/BOOT/BOOTX64.EFI', 'bootx64.efi'],
  ['images/grubx64.efi', 'grubx64.efi'],
  ['debian-installer/amd64/bootnetx64.efi', 'bootx64.efi'],
  ['efi/debian/shimaa64.efi', 'bootaa64.efi'],
  ['boot/mmx64.efi', 'mmx64.efi'],
  ['boot/ldlinux.c32', 'ldlinux.c32'],
  ['revocations_sbat.efi', undefined],
  ['grub/x86_64-efi/command.lst', undefined],
  // grubnetx64's memdisk would take it instead of grub/grub.cfg.
  ['grub/x86_64-efi/grub.cfg', undefined],
  ['pxelinux.cfg/graphics.conf', undefined],
  ['pxelinux.cfg/01-52-54-00-12-34', undefined],
  ['x/pxelinux.cfg/default', undefined],
  ['grub/grub.cfg-525400123456', undefined],
  ['grub/grub.cfg-52:54:00:12:34:5', undefined],
  ['grub/grub.cfgx', undefined],
  ['x/ipxe.cfg', undefined],
];

for (const [path, fallback] of FILES) {
  test(`${path} is a file${fallback === undefined ? '' : `, or ${fallback}`}`, () => {
    assert.deepEqual(parseBootPath(path), { kind: 'file', path, fallback });
  });
}

const macs = fc
  .integer({ min: 0, max: 0xffffffffffff })
  .map((value): ConfigIdentity => ({ kind: 'mac', mac: mac(value) }));
const addresses = fc
  .integer({ min: 0, max: 0xffffffff })
  .map((value): ConfigIdentity => ({ kind: 'address', address: ipv4(value) }));
const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length });
const uuids = fc.tuple(hex(8), hex(4), hex(4), hex(4), hex(12)).map((parts) => parts.join('-'));
const defaults = fc.constantFrom<ConfigIdentity>(
  { kind: 'default', architecture: undefined, subarchitecture: undefined },
  { kind: 'default', architecture: 'amd64', subarchitecture: undefined },
  { kind: 'default', architecture: 'arm64', subarchitecture: 'xgene-uboot' },
);
const identities = fc.oneof(
  fc.tuple(
    fc.constant<LoaderLanguage>('pxelinux'),
    fc.oneof(
      macs,
      addresses,
      defaults,
      uuids.map((uuid): ConfigIdentity => ({ kind: 'uuid', uuid })),
    ),
  ),
  fc.tuple(
    fc.constantFrom<LoaderLanguage>('grub', 'ipxe'),
    fc.oneof(macs, defaults, fc.constant<ConfigIdentity>({ kind: 'first' })),
  ),
);

test('an identity survives a round trip through a path', () => {
  fc.assert(
    fc.property(identities, ([language, identity]) => {
      const path = formatConfigPath(language, identity);
      assert.ok(path !== undefined);
      assert.deepEqual(parseBootPath(path), { kind: 'config', path, language, identity });
    }),
  );
});

test('GRUB and iPXE have no path for a UUID or an address', () => {
  assert.equal(formatConfigPath('grub', { kind: 'uuid', uuid: UUID }), undefined);
  assert.equal(formatConfigPath('ipxe', { kind: 'address', address: ip('10.20.0.1') }), undefined);
});

test('random paths never throw, and accepted ones stay inside the tree', () => {
  const names = fc.constantFrom(
    '..',
    '.',
    '',
    'grub',
    'grub.cfg',
    'pxelinux.cfg',
    'default',
    '01-',
    '\\',
    '\u0000',
    'a',
    '-',
    '%2e%2e',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: codePoint }),
        fc.array(names).map((parts) => parts.join('/')),
      ),
      (asked) => {
        const parsed: BootPath = parseBootPath(asked);
        if (parsed.kind === 'refused') return;
        const parts = parsed.path.split('/');
        assert.ok(parts.every((part) => part !== '' && part !== '.' && part !== '..' && !part.includes('\u0000')));
      },
    ),
  );
});

test('a swapped UUID has its first three fields in the other byte order', () => {
  assert.equal(swapUuid('33221100-5544-7766-8899-aabbccddeeff'), '00112233-4455-6677-8899-aabbccddeeff');
  fc.assert(fc.property(uuids, (uuid) => assert.equal(swapUuid(swapUuid(uuid)), uuid)));
});
