// The table of MAAS's boot methods, from a client's DHCP options to the reply: the same choices, loader by loader. If a row differs from
// MAAS's, its name says so.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BootClientFacts, identifyBootClient } from '../../src/boot/client.ts';
import { planBoot } from '../../src/boot/plan.ts';
import { hw, RACK } from '../support/lab-facts.ts';
import { bootConfig } from './rack.ts';

type LoaderAnswer = readonly [
  file: string | undefined,
  vendorClass?: string | undefined,
  pathPrefix?: string | undefined,
];
interface Row {
  readonly name: string;
  readonly facts: Partial<BootClientFacts>;
  readonly loaders?: readonly (readonly [string, string])[];
  readonly answer: LoaderAnswer;
}

const BASE = 'http://10.20.0.1:5248';
const pxe = (code: number): Partial<BootClientFacts> => ({
  architectures: [code],
  vendorClass: `PXEClient:Arch:${String(code).padStart(5, '0')}:UNDI:003000`,
});
const http = (code: number): Partial<BootClientFacts> => ({
  architectures: [code],
  vendorClass: `HTTPClient:Arch:${String(code).padStart(5, '0')}:UNDI:003000`,
});

const ROWS: readonly Row[] = [
  {
    name: 'user class iPXE: its script as an absolute URL',
    facts: { ...pxe(0), userClasses: ['iPXE'] },
    answer: [`${BASE}/ipxe.cfg`],
  },
  { name: 'iPXE by option 175 alone', facts: { ...pxe(7), ipxeOptions: true }, answer: [`${BASE}/ipxe.cfg`] },
  {
    name: 'gPXE, which cannot read iPXE scripts: the loader of its firmware',
    facts: { ...pxe(0), userClasses: ['gPXE'], ipxeOptions: true },
    answer: ['lpxelinux.0', undefined, `${BASE}/`],
  },
  { name: '0, BIOS: lpxelinux with its prefix', facts: pxe(0), answer: ['lpxelinux.0', undefined, `${BASE}/`] },
  { name: '6, IA32 UEFI, which MAAS lacks', facts: pxe(6), answer: ['bootia32.efi'] },
  { name: '7, x86-64 UEFI: shim', facts: pxe(7), answer: ['bootx64.efi'] },
  { name: '9, EBC: as x86-64', facts: pxe(9), answer: ['bootx64.efi'] },
  { name: '11, arm64 UEFI', facts: pxe(11), answer: ['bootaa64.efi'] },
  { name: '15, IA32 by HTTP', facts: http(15), answer: [`${BASE}/bootia32.efi`, 'HTTPClient'] },
  {
    name: '16, x86-64 by HTTP: shim as a URL, and option 60',
    facts: http(16),
    answer: [`${BASE}/bootx64.efi`, 'HTTPClient'],
  },
  { name: '17, EBC by HTTP: as x86-64', facts: http(17), answer: [`${BASE}/bootx64.efi`, 'HTTPClient'] },
  { name: '19, arm64 by HTTP', facts: http(19), answer: [`${BASE}/bootaa64.efi`, 'HTTPClient'] },
  {
    name: '12, open firmware of ppc64el, by boot.loaders',
    facts: pxe(12),
    loaders: [['12', 'bootppc64.bin']],
    answer: ['bootppc64.bin'],
  },
  {
    name: '14, PowerNV, by boot.loaders: the directory of its loader is its prefix',
    facts: pxe(14),
    loaders: [['14', 'ppc64el/pxelinux.0']],
    answer: ['ppc64el/pxelinux.0', undefined, 'ppc64el/'],
  },
  {
    name: '31, s390x, by boot.loaders: the same',
    facts: pxe(31),
    loaders: [['31', 's390x/boots390x.bin']],
    answer: ['s390x/boots390x.bin', undefined, 's390x/'],
  },
  {
    name: '32, s390x partition, by boot.loaders: the named file is its configuration',
    facts: pxe(32),
    loaders: [['32', 's390x_partition/maas']],
    answer: ['s390x_partition/maas', undefined, 's390x_partition/'],
  },
  {
    name: '25, RISC-V of 32 bits, by boot.loaders: by TFTP',
    facts: pxe(25),
    loaders: [['25', 'bootriscv32.efi']],
    answer: ['bootriscv32.efi'],
  },
  {
    name: '26, the same by HTTP, by boot.loaders: a URL with option 60',
    facts: http(26),
    loaders: [['26', 'bootriscv32.efi']],
    answer: [`${BASE}/bootriscv32.efi`, 'HTTPClient'],
  },
  { name: '10, 32-bit ARM UEFI', facts: pxe(10), answer: ['bootarm.efi'] },
  { name: '18, 32-bit ARM UEFI by HTTP', facts: http(18), answer: [`${BASE}/bootarm.efi`, 'HTTPClient'] },
  { name: '27, RISC-V of 64 bits', facts: pxe(27), answer: ['bootriscv64.efi'] },
  { name: '28, the same by HTTP', facts: http(28), answer: [`${BASE}/bootriscv64.efi`, 'HTTPClient'] },
  { name: '39, LoongArch: iPXE', facts: pxe(39), answer: ['ipxe-loong64.efi'] },
  { name: '40, the same by HTTP', facts: http(40), answer: [`${BASE}/ipxe-loong64.efi`, 'HTTPClient'] },
  { name: 'a number without a loader: none, instead of MAAS’s lpxelinux', facts: pxe(25), answer: [undefined] },
  {
    name: 'a list: the first number with a loader',
    facts: { vendorClass: 'PXEClient', architectures: [25, 7, 0] },
    answer: ['bootx64.efi'],
  },
  {
    name: 'a list of which the vendor class names one: that one',
    facts: { ...pxe(0), architectures: [25, 7, 0] },
    answer: ['lpxelinux.0', undefined, `${BASE}/`],
  },
  {
    name: 'a list whose later number has a loader by boot.loaders only: the built-in one comes first',
    facts: { ...pxe(0), architectures: [25, 7] },
    loaders: [['25', 'bootriscv32.efi']],
    answer: ['bootx64.efi'],
  },
  {
    name: 'no option 93: the number of the vendor class',
    facts: { vendorClass: 'PXEClient:Arch:00011:UNDI:003000' },
    answer: ['bootaa64.efi'],
  },
  {
    name: 'no number at all: BIOS',
    facts: { vendorClass: 'PXEClient' },
    answer: ['lpxelinux.0', undefined, `${BASE}/`],
  },
  { name: 'option 93 without a vendor class: by its number', facts: { architectures: [7] }, answer: ['bootx64.efi'] },
  {
    name: '22, U-Boot on arm64: only the server, because it reads pxelinux.cfg itself',
    facts: { vendorClass: 'U-Boot.armv8', architectures: [22] },
    answer: [undefined],
  },
  {
    name: '22, by boot.loaders: the directory of its loader is its prefix',
    facts: { vendorClass: 'U-Boot.armv8', architectures: [22] },
    loaders: [['22', 'arm64/boot.scr.uimg']],
    answer: ['arm64/boot.scr.uimg', undefined, 'arm64/'],
  },
  { name: 'no sign of a network boot: nothing', facts: {}, answer: [undefined] },
];

for (const { name, facts, loaders = [], answer } of ROWS) {
  test(name, () => {
    const client = identifyBootClient({
      architectures: [],
      vendorClass: '',
      userClasses: [],
      ipxeOptions: false,
      ...facts,
    });
    const config = bootConfig({ loaders: new Map(loaders) });
    const query = { mac: hw('52:54:00:12:34:56'), serverAddress: RACK };
    const plan = client === undefined ? undefined : planBoot({ ...query, client }, config);
    const [file, vendorClass, pathPrefix] = answer;
    assert.deepEqual([plan?.file, plan?.vendorClass, plan?.pathPrefix], [file, vendorClass, pathPrefix]);
  });
}
