// The ladder from DHCP options to the boot client.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIRMWARE_ARCHITECTURES, findArchitecture } from '../../src/boot/architectures.ts';
import { type BootClient, type BootClientFacts, identifyBootClient } from '../../src/boot/client.ts';

const NOTHING: BootClientFacts = { architectures: [], vendorClass: '', userClasses: [], ipxeOptions: false };
const PXE = 'PXEClient:Arch:00007:UNDI:003000';
const HTTP = 'HTTPClient:Arch:00016:UNDI:003000';

const CASES: readonly [string, Partial<BootClientFacts>, BootClient | undefined][] = [
  ['a client without boot options does not boot from the network', {}, undefined],
  [
    'an operating system with its own vendor class does not boot from the network',
    { vendorClass: 'udhcp 1.35.0' },
    undefined,
  ],
  ['a number alone, without a vendor class, is not a network boot', { architectures: [7] }, undefined],
  [
    'a vendor class that only contains PXEClient is not one',
    { vendorClass: 'x PXEClient', architectures: [0] },
    undefined,
  ],
  [
    'SeaBIOS with its own PXE is a BIOS',
    { vendorClass: 'PXEClient:Arch:00000:UNDI:002001', architectures: [0] },
    { kind: 'bios', architecture: 0 },
  ],
  ['a PXE ROM without option 93 is a BIOS', { vendorClass: 'PXEClient' }, { kind: 'bios', architecture: 0 }],
  [
    'without option 93 the number in the vendor class counts',
    { vendorClass: 'PXEClient:Arch:00011:UNDI:003000' },
    { kind: 'uefi', cpu: 'arm64', architecture: 11 },
  ],
  ['7 is x86-64 UEFI', { vendorClass: PXE, architectures: [7] }, { kind: 'uefi', cpu: 'amd64', architecture: 7 }],
  [
    '9, EBC, is x86-64 UEFI too',
    { vendorClass: PXE, architectures: [9] },
    { kind: 'uefi', cpu: 'amd64', architecture: 9 },
  ],
  ['6 is 32-bit UEFI', { vendorClass: PXE, architectures: [6] }, { kind: 'uefi', cpu: 'i386', architecture: 6 }],
  ['11 is 64-bit ARM', { vendorClass: PXE, architectures: [11] }, { kind: 'uefi', cpu: 'arm64', architecture: 11 }],
  [
    'the first known number of a list counts',
    { vendorClass: 'PXEClient', architectures: [999, 9, 7] },
    { kind: 'uefi', cpu: 'amd64', architecture: 9 },
  ],
  [
    'the number in the vendor class counts, wherever the list has it',
    { vendorClass: PXE, architectures: [0, 7] },
    { kind: 'uefi', cpu: 'amd64', architecture: 7 },
  ],
  [
    'a number in the vendor class but not in the list is ignored',
    { vendorClass: PXE, architectures: [11, 6] },
    { kind: 'uefi', cpu: 'arm64', architecture: 11 },
  ],
  [
    'a client that loads by HTTP has its HTTP number',
    { vendorClass: 'HTTPClient', architectures: [7, 16] },
    { kind: 'uefi-http', cpu: 'amd64', architecture: 16 },
  ],
  [
    'a client that loads by TFTP has its TFTP number',
    { vendorClass: 'PXEClient', architectures: [16, 7] },
    { kind: 'uefi', cpu: 'amd64', architecture: 7 },
  ],
  [
    'the first number of a list without a known one counts',
    { vendorClass: PXE, architectures: [27, 25] },
    { kind: 'other', architecture: 27 },
  ],
  [
    '16 boots by HTTP',
    { vendorClass: HTTP, architectures: [16] },
    { kind: 'uefi-http', cpu: 'amd64', architecture: 16 },
  ],
  ['15 does, 32-bit', { vendorClass: HTTP, architectures: [15] }, { kind: 'uefi-http', cpu: 'i386', architecture: 15 }],
  ['19 does, ARM', { vendorClass: HTTP, architectures: [19] }, { kind: 'uefi-http', cpu: 'arm64', architecture: 19 }],
  [
    'the vendor class says how it loads, whatever the number',
    { vendorClass: HTTP, architectures: [7] },
    { kind: 'uefi-http', cpu: 'amd64', architecture: 7 },
  ],
  [
    'HTTPClient with a BIOS number is an unknown client',
    { vendorClass: HTTP, architectures: [0] },
    { kind: 'other', architecture: 0 },
  ],
  [
    'user class iPXE in a BIOS is iPXE, not its firmware',
    { vendorClass: 'PXEClient:Arch:00000:UNDI:002001', architectures: [0], userClasses: ['iPXE'] },
    { kind: 'ipxe', architecture: 0 },
  ],
  [
    'user class iPXE counted as RFC 3004 requires is iPXE',
    { vendorClass: PXE, architectures: [7], userClasses: ['\u0004iPXE'] },
    { kind: 'ipxe', architecture: 7 },
  ],
  [
    'option 175 alone identifies iPXE, without a vendor class',
    { architectures: [11], ipxeOptions: true },
    { kind: 'ipxe', architecture: 11 },
  ],
  [
    'another user class is not iPXE',
    { vendorClass: PXE, architectures: [7], userClasses: ['lab'] },
    { kind: 'uefi', cpu: 'amd64', architecture: 7 },
  ],
];

for (const [name, facts, expected] of CASES) {
  test(name, () => {
    assert.deepEqual(identifyBootClient({ ...NOTHING, ...facts }), expected);
  });
}

test('the table lists each number once, and finds it', () => {
  const codes = FIRMWARE_ARCHITECTURES.map((row) => row.code);
  assert.equal(new Set(codes).size, codes.length);
  for (const row of FIRMWARE_ARCHITECTURES) assert.equal(findArchitecture(row.code), row);
  assert.equal(findArchitecture(65535), undefined);
});
