// The ladder from DHCP options to the boot client.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIRMWARE_ARCHITECTURES, findArchitecture } from '../../src/boot/architectures.ts';
import { type BootClient, type BootClientFacts, identifyBootClient } from '../../src/boot/client.ts';

const NOTHING: BootClientFacts = { architectures: [], vendorClass: '', userClasses: [], ipxeOptions: false };
const PXE = 'PXEClient:Arch:00007:UNDI:003000';
const HTTP = 'HTTPClient:Arch:00016:UNDI:003000';
/** `RPi4`, board revision, address and serial number. */
const PI_UUID = '52506934-00c0-3111-2233-445501020304';

const CASES: readonly [string, Partial<BootClientFacts>, BootClient | undefined][] = [
  ['a client without boot options does not boot from the network', {}, undefined],
  [
    'an operating system with its own vendor class does not boot from the network',
    { vendorClass: 'udhcp 1.35.0' },
    undefined,
  ],
  [
    'option 93 alone makes a boot client, which loads as its number says',
    { architectures: [7] },
    { kind: 'uefi', cpu: 'amd64', architecture: 7 },
  ],
  ['16 alone boots by HTTP', { architectures: [16] }, { kind: 'uefi-http', cpu: 'amd64', architecture: 16 }],
  [
    'Petitboot, which sends the vendor class of its DHCP client, is known by its number',
    { vendorClass: 'udhcp 1.35.0', architectures: [14] },
    { kind: 'other', architecture: 14 },
  ],
  ['a vendor class that only contains PXEClient is not one', { vendorClass: 'x PXEClient' }, undefined],
  [
    'U-Boot on 64-bit ARM is U-Boot',
    { vendorClass: 'U-Boot.armv8', architectures: [22] },
    { kind: 'u-boot', cpu: 'arm64', architecture: 22 },
  ],
  [
    'an older U-Boot with the number 256 is U-Boot',
    { vendorClass: 'U-Boot.armv7', architectures: [256] },
    { kind: 'u-boot', cpu: 'armhf', architecture: 256 },
  ],
  [
    'U-Boot on RISC-V with the number of UEFI is U-Boot',
    { vendorClass: 'U-Boot', architectures: [27] },
    { kind: 'u-boot', cpu: 'riscv64', architecture: 27 },
  ],
  [
    'U-Boot.armv8 without a number is 22',
    { vendorClass: 'U-Boot.armv8' },
    { kind: 'u-boot', cpu: 'arm64', architecture: 22 },
  ],
  [
    'U-Boot.arm without a number is 21',
    { vendorClass: 'U-Boot.arm' },
    { kind: 'u-boot', cpu: 'armhf', architecture: 21 },
  ],
  [
    '22 with a vendor class of its board is U-Boot',
    { architectures: [22] },
    { kind: 'u-boot', cpu: 'arm64', architecture: 22 },
  ],
  ['U-Bootleg is not U-Boot', { vendorClass: 'U-Bootleg' }, undefined],
  ['a Raspberry Pi is known by option 97 alone', { uuid: PI_UUID }, { kind: 'bios', architecture: 0 }],
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
    { vendorClass: PXE, architectures: [25, 29] },
    { kind: 'other', architecture: 25 },
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
    const { contradiction: _, ...firmware } = identifyBootClient({ ...NOTHING, ...facts }) ?? {};
    assert.deepEqual(firmware, expected ?? {});
  });
}

/** Signs that contradict each other, and the number that is believed. */
const DOUBTFUL: readonly [Partial<BootClientFacts>, number, string][] = [
  [{ vendorClass: PXE, architectures: [11] }, 11, `option 60 ${PXE}, option 93 11`],
  [{ vendorClass: HTTP, architectures: [7] }, 7, `option 60 ${HTTP}, option 93 7`],
  [{ vendorClass: 'PXEClient', architectures: [16] }, 16, 'option 60 PXEClient, option 93 16'],
  [{ vendorClass: 'U-Boot.armv8', architectures: [11] }, 11, 'option 60 U-Boot.armv8, option 93 11'],
  [{ vendorClass: PXE, uuid: PI_UUID }, 7, `option 60 ${PXE}, option 97 of a Raspberry Pi`],
];
for (const [facts, architecture, shown] of DOUBTFUL) {
  test(`${shown}: ${architecture} is believed`, () => {
    const client = identifyBootClient({ ...NOTHING, ...facts });
    assert.deepEqual([client?.architecture, client?.contradiction], [architecture, shown]);
  });
}

/** Signs that differ and agree. */
const SURE: readonly Partial<BootClientFacts>[] = [
  { vendorClass: PXE, architectures: [7] },
  { vendorClass: PXE, architectures: [9] },
  { vendorClass: PXE, architectures: [0, 7] },
  { vendorClass: HTTP, architectures: [16] },
  { vendorClass: 'PXEClient', architectures: [27, 7] },
  { vendorClass: 'PXEClient:Arch:00000:UNDI:002001', architectures: [0], uuid: PI_UUID },
  { vendorClass: 'PXEClient:Arch:00011:UNDI:003000', architectures: [11], uuid: PI_UUID },
  { vendorClass: 'U-Boot.armv7', architectures: [256] },
];
test('firmware whose signs agree is not doubted', () => {
  for (const facts of SURE) assert.equal(identifyBootClient({ ...NOTHING, ...facts })?.contradiction, undefined);
});

test('the table lists each number once, and finds it', () => {
  const codes = FIRMWARE_ARCHITECTURES.map((row) => row.code);
  assert.equal(new Set(codes).size, codes.length);
  for (const row of FIRMWARE_ARCHITECTURES) assert.equal(findArchitecture(row.code), row);
  assert.equal(findArchitecture(65535), undefined);
});
