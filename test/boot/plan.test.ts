// A client's first load: method, server and path together.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BootClient } from '../../src/boot/client.ts';
import type { BootConfig } from '../../src/boot/config.ts';
import { type BootPlan, planBoot } from '../../src/boot/plan.ts';
import { hw, RACK } from '../support/lab-facts.ts';
import { bootConfig, endpoints } from './rack.ts';

const BIOS: BootClient = { kind: 'bios', architecture: 0 };
const UEFI: BootClient = { kind: 'uefi', cpu: 'amd64', architecture: 7 };
const UEFI_HTTP: BootClient = { kind: 'uefi-http', cpu: 'amd64', architecture: 16 };
const ARM_HTTP: BootClient = { kind: 'uefi-http', cpu: 'arm64', architecture: 19 };
const IPXE: BootClient = { kind: 'ipxe', architecture: 7 };
const RISCV: BootClient = { kind: 'other', architecture: 25 };
const RISCV_HTTP: BootClient = { kind: 'other', architecture: 28 };
const NO_HTTP = { http: [] };

const loaders = (...entries: [string, string][]): Partial<BootConfig> => ({ loaders: new Map(entries) });

type Expected = Partial<Omit<BootPlan, 'serverAddress'>> | undefined;
const CASES: readonly [string, BootClient, Partial<BootConfig>, Expected][] = [
  [
    'a BIOS gets lpxelinux, which continues by HTTP',
    BIOS,
    {},
    { file: 'lpxelinux.0', pathPrefix: 'http://10.20.0.1:5248/' },
  ],
  ['without HTTP lpxelinux continues by TFTP', BIOS, NO_HTTP, { file: 'lpxelinux.0', pathPrefix: undefined }],
  [
    'a listener in another network does not count for lpxelinux',
    BIOS,
    { http: endpoints('10.30.0.1:5248') },
    { file: 'lpxelinux.0', pathPrefix: undefined },
  ],
  [
    'a listener on every address answers on the one in the network',
    BIOS,
    { http: endpoints('0.0.0.0:80') },
    { file: 'lpxelinux.0', pathPrefix: 'http://10.20.0.1/' },
  ],
  [
    'pxelinux.0 gets no prefix, which it would not understand',
    BIOS,
    loaders(['0', 'pxelinux.0']),
    { file: 'pxelinux.0', pathPrefix: undefined },
  ],
  ['UEFI gets shim by TFTP', UEFI, {}, { file: 'bootx64.efi', pathPrefix: undefined, vendorClass: undefined }],
  ['ARM gets its own loader', { kind: 'uefi', cpu: 'arm64', architecture: 11 }, {}, { file: 'bootaa64.efi' }],
  ['32-bit UEFI is given its own', { kind: 'uefi', cpu: 'i386', architecture: 6 }, {}, { file: 'bootia32.efi' }],
  [
    'HTTP boot gets a URL, and option 60 back',
    UEFI_HTTP,
    {},
    { file: 'http://10.20.0.1:5248/bootx64.efi', vendorClass: 'HTTPClient' },
  ],
  [
    'UEFI by HTTP loads at port 80 where the rack answers there, as GRUB will',
    UEFI_HTTP,
    { http: endpoints('10.20.0.1:5248', '10.20.0.1:80') },
    { file: 'http://10.20.0.1/bootx64.efi', vendorClass: 'HTTPClient' },
  ],
  [
    'HTTP boot loads over TLS where the site has a certificate, at any port',
    UEFI_HTTP,
    { http: endpoints('10.20.0.1:80'), https: [{ address: RACK, port: 8443, secure: true }] },
    { file: 'https://10.20.0.1:8443/bootx64.efi', vendorClass: 'HTTPClient' },
  ],
  [
    'the usual port of TLS is not in the URL',
    ARM_HTTP,
    { https: [{ address: RACK, port: 443, secure: true }] },
    { file: 'https://10.20.0.1/bootaa64.efi' },
  ],
  [
    'a certificate changes nothing for iPXE',
    IPXE,
    { https: [{ address: RACK, port: 443, secure: true }] },
    { file: 'http://10.20.0.1:5248/ipxe.cfg' },
  ],
  ['HTTP boot on ARM gets its own shim', ARM_HTTP, {}, { file: 'http://10.20.0.1:5248/bootaa64.efi' }],
  [
    'HTTP boot on ARM gets an iPXE named in boot.loaders',
    ARM_HTTP,
    loaders(['19', 'ipxe-arm64.efi']),
    { file: 'http://10.20.0.1:5248/ipxe-arm64.efi', vendorClass: 'HTTPClient' },
  ],
  ['HTTP boot without a listener has no plan', UEFI_HTTP, NO_HTTP, undefined],
  [
    'HTTP boot may use a listener behind a router',
    UEFI_HTTP,
    { http: endpoints('127.0.0.1:5248', '10.30.0.1:5248') },
    { file: 'http://10.30.0.1:5248/bootx64.efi' },
  ],
  [
    'a name in boot.loaders becomes a URL for HTTP boot',
    UEFI_HTTP,
    loaders(['16', '/ipxe.efi']),
    { file: 'http://10.20.0.1:5248/ipxe.efi', vendorClass: 'HTTPClient' },
  ],
  [
    'a URL in boot.loaders stays as it is',
    UEFI_HTTP,
    loaders(['16', 'https://boot.example/x.efi']),
    { file: 'https://boot.example/x.efi', vendorClass: 'HTTPClient' },
  ],
  ['boot.loaders of another number does not count', UEFI, loaders(['9', 'x.efi']), { file: 'bootx64.efi' }],
  [
    'boot.loaders names a file for TFTP',
    UEFI,
    loaders(['7', 'snponly.efi']),
    { file: 'snponly.efi', vendorClass: undefined },
  ],
  ['iPXE gets its script by HTTP', IPXE, {}, { file: 'http://10.20.0.1:5248/ipxe.cfg', vendorClass: undefined }],
  ['without HTTP iPXE gets its script by TFTP', IPXE, NO_HTTP, { file: 'ipxe.cfg' }],
  [
    'iPXE never gets the loader of its firmware again',
    IPXE,
    loaders(['7', 'ipxe.efi']),
    { file: 'http://10.20.0.1:5248/ipxe.cfg' },
  ],
  [
    'boot.loaders has a key for iPXE',
    IPXE,
    loaders(['ipxe', 'http://b.example/menu']),
    { file: 'http://b.example/menu' },
  ],
  ['a number without a loader has no plan', RISCV, {}, undefined],
  [
    'a number without a loader gets one named by the operator',
    RISCV,
    loaders(['25', 'grubriscv32.efi']),
    { file: 'grubriscv32.efi', vendorClass: undefined },
  ],
  [
    'a number listed as HTTP boot gets a URL and option 60',
    RISCV_HTTP,
    loaders(['28', 'grubriscv64.efi']),
    { file: 'http://10.20.0.1:5248/grubriscv64.efi', vendorClass: 'HTTPClient' },
  ],
];

for (const [name, client, config, expected] of CASES) {
  test(name, () => {
    const plan = planBoot({ client, mac: hw('52:54:00:12:34:56'), serverAddress: RACK }, bootConfig(config));
    if (expected === undefined) return assert.equal(plan, undefined);
    assert.ok(plan);
    assert.partialDeepStrictEqual(plan, { ...expected, serverAddress: RACK });
  });
}

test('the reason names the override, and there is none for a built-in loader', () => {
  const query = { client: UEFI, mac: hw('52:54:00:12:34:56'), serverAddress: RACK };
  const reason = (...own: [string, string][]) => planBoot(query, bootConfig(loaders(...own)))?.reason;
  assert.deepEqual(reason(['7', 'x.efi']), { loaderKey: '7', loaderClass: undefined });
  assert.equal(reason(), undefined);
});
