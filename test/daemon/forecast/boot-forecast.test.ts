// The boot that a machine would get: for each kind of client, for known and unknown machines, and each obstacle with its remedy.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forecastBoot } from '../../../src/daemon/forecast/boot-forecast.ts';
import { CLIENT_NAMES, type ClientName } from '../../../src/daemon/forecast/clients.ts';
import type { Lease } from '../../../src/dhcp/leases/lease.ts';
import { ipv4, mac } from '../../../src/ground/address.ts';
import { instant, seconds } from '../../../src/ground/clock.ts';
import type { RackMachine } from '../../../src/machines/machine.ts';
import { foresight, type Given, lease, MAC, NETWORK, NOW, WHOLE_TREE } from '../forecast-lab.ts';

/** The prediction in one network as text: obstacles are marked, remedies follow an arrow. */
function explained(client: ClientName, given: Given = {}): string {
  const [boot] = forecastBoot(MAC, client, foresight(given));
  return (boot?.lines ?? [])
    .map(
      ({ topic, text, remedy, ok }) =>
        `${ok ? '' : '! '}${topic}: ${text}${remedy === undefined ? '' : ` → ${remedy}`}`,
    )
    .join('\n');
}

/** Option 67 instead of the planned loader. */
const LOADER_OPTION = '{ code: 67, value: x.bin, when: { architecture: 0 } }';

const KNOWN: readonly (readonly [string, ClientName, Given, readonly RegExp[]])[] = [
  [
    'configured options with a matching condition are named',
    'bios',
    {
      more: `dhcp: { options: [
        { code: 224, type: text, value: x }, { code: 101, value: UTC, when: { architecture: 0 } }, { code: 17, value: x, when: { architecture: 7 } }] }`,
    },
    [/^options: 224, 101 tz-database-timezone \(if requested or forced\)$/m],
  ],
  [
    'an unknown BIOS machine enlists through lpxelinux',
    'bios',
    {},
    [
      /^address: 10\.20\.0\.10\d \(new\) for 30 s$/m,
      /^loader: lpxelinux\.0 by TFTP from 10\.20\.0\.1 \(BIOS, PXE\)/m,
      /^configuration: pxelinux\.cfg\/default-amd64: told to enlist, /m,
      /^kernel: amd64\/generic\/bookworm\/commissioning\/linux, in the boot tree$/m,
      /^arguments: .*rackboot=enlist/m,
    ],
  ],
  [
    'an unknown BIOS machine boots the profile of its hardware address, once its processor is known',
    'bios',
    {
      tree: [...WHOLE_TREE, 'ifcpu64.c32', 'libcom32.c32', 'profiles/linux'],
      more: 'boot: { profiles: [{ name: live, file: profiles/linux, machines: ["52:54:00:12:34:56"] }] }',
    },
    [
      /^configuration: pxelinux\.cfg\/default-amd64: told to boot the profile live, because a profile/m,
      /^kernel: profiles\/linux, in the boot tree$/m,
    ],
  ],
  [
    'a UEFI machine that is Ready powers off',
    'uefi-amd64',
    { machine: {} },
    [
      /^configuration: grub\/grub\.cfg-52:54:00:12:34:56: told to power off .*web1 is Ready$/m,
      /^then: it powers off$/m,
      /^name: web1\.maas$/m,
    ],
  ],
  [
    'a Ready machine boots the profile of its tag, after a menu',
    'uefi-amd64',
    {
      machine: { tags: ['gpu'] },
      more: 'boot: { menu: 10s, profiles: [{ name: live, file: "http://files.example/linux", tags: [gpu] }, { name: test, kind: efi, file: bootx64.efi, offered: true }] }',
      tree: [...WHOLE_TREE, 'ipxe.efi'],
    },
    [
      /^configuration: .*: told to boot the profile live, /m,
      /^menu: for 10 s: test; then as follows$/m,
      /^then: it starts iPXE \(ipxe\.efi\), which asks again and does the rest$/m,
    ],
  ],
  [
    'a deployed machine boots its own disk with its fixed address',
    'ipxe',
    { machine: { purpose: 'local', statusName: 'Deployed', addresses: [{ mac: MAC, address: ipv4(0x0a140014) }] } },
    [/^address: 10\.20\.0\.20 \(fixed by the region\)/m, /^then: it boots its own disk$/m],
  ],
  [
    'UEFI that boots by HTTP gets a URL',
    'uefi-http-amd64',
    {},
    [/^loader: http:\/\/10\.20\.0\.1\/bootx64\.efi \(UEFI amd64, HTTP boot\)/m],
  ],
  [
    'a file of the tree overrides the rendered configuration',
    'bios',
    { machine: {}, tree: [...WHOLE_TREE, 'pxelinux.cfg/01-52-54-00-12-34-56'] },
    [/^configuration: pxelinux\.cfg\/01-52-54-00-12-34-56: .*overrides the region$/m],
  ],
  [
    'a loader on another server is named but not checked',
    'bios',
    { more: 'boot: { loaders: { 0: "http://192.0.2.1/loader" } }', tree: WHOLE_TREE },
    [/^loader: http:\/\/192\.0\.2\.1\/loader \(.*; boot\.loaders 0\); on another server, not checked$/m],
  ],
  [
    'a loader set by options on another server is named',
    'bios',
    {
      more: `dhcp: { options: [${LOADER_OPTION}, { code: 66, value: 10.20.0.77, when: { architecture: 0 } }] }`,
    },
    [/^loader: x\.bin by TFTP from 10\.20\.0\.77, set by configured options; not checked there$/m],
  ],
  [
    'a loader set by an option on this rack is looked up in the boot tree',
    'bios',
    { more: `dhcp: { options: [${LOADER_OPTION}] }`, tree: [...WHOLE_TREE, 'x.bin'] },
    [/^loader: x\.bin by TFTP from 10\.20\.0\.1, set by configured options/m],
  ],
];

test('facts unknown before the first lease are named, if the network depends on them', () => {
  const shown = (more: string, leases: readonly Lease[] = []): string =>
    explained('bios', { network: NETWORK.replace(' }', `, ${more} }`), leases });
  const byPort = 'hosts: [{ circuit_id: port-1, ip: 10.20.0.50 }]';
  const lease: Lease = {
    address: ipv4(0x0a140064),
    mac: MAC,
    state: 'bound',
    grantedAt: instant(NOW - 1000),
    expiresAt: instant(NOW + 1000),
    duration: seconds(600),
  };
  assert.match(shown(byPort), /^not known: .*reservation by client_id, duid or port$/m);
  assert.match(
    shown('classes: [{ name: g, when: { hostname: x }, deny: true }]'),
    /^not known: .*class by its hostname, port or user class$/m,
  );
  assert.doesNotMatch(shown(byPort, [lease]), /^not known/m);
  assert.doesNotMatch(shown('hosts: [{ mac: "52:54:00:00:00:01", ip: 10.20.0.50 }]'), /^not known/m);
});

test('the classes of a machine follow from the hostname of its newest lease, and a denying class is named', () => {
  const shown = (classes: string, leases: readonly Lease[] = []) => {
    const network = NETWORK.replace(' }', `, classes: [${classes}] }`);
    return forecastBoot(MAC, 'uefi-amd64', foresight({ network, leases }))[0]?.lines ?? [];
  };
  const lease: Lease = {
    address: ipv4(0x0a140064),
    mac: MAC,
    state: 'bound',
    hostname: 'guest-1',
    grantedAt: instant(NOW - 1000),
    expiresAt: instant(NOW + 1000),
    duration: seconds(600),
  };
  const given = '{ name: guests, when: { hostname: "guest-*" }, loaders: { 7: guest.efi } }';
  const textOf = (lines: ReturnType<typeof shown>, topic: string) => lines.find((line) => line.topic === topic)?.text;
  assert.equal(textOf(shown(given), 'classes'), undefined);
  assert.equal(textOf(shown(given, [lease]), 'classes'), 'guests');
  assert.match(textOf(shown(given, [lease]), 'loader') ?? '', /^guest\.efi \(.*; loaders 7 of class guests\)/);
  const [denied] = shown('{ name: vm, when: { mac: "52:54:00" }, deny: true }');
  assert.equal(denied?.text, 'none: a configured class denies its clients every answer: vm');
  assert.match(denied?.remedy ?? '', /change `when` or `deny`/);
});

test('the limit of New machines is not an obstacle while there is room, for a known machine, or with a remote region', () => {
  const others = { statusName: 'New', macs: [mac(0x525400000099)] };
  const limit = 'region: { new_machines_max: 1 }';
  const remote =
    'region: { mode: remote, url: "http://192.0.2.1:5240/MAAS", api_key_file: /etc/key, new_machines_max: 1 }';
  for (const given of [
    { machine: { ...others, statusName: 'Ready' }, more: limit },
    { machine: others, more: 'region: { new_machines_max: 2 }' },
    { machine: { ...others, macs: [MAC], purpose: 'enlist' as const }, more: limit },
    { machine: others, more: remote },
  ]) {
    assert.doesNotMatch(explained('bios', given), /enlistment/, JSON.stringify(given));
  }
});

test('each line of what a machine would get has its reason', async (t) => {
  for (const [name, client, given, expected] of KNOWN) {
    await t.test(name, () => {
      const text = explained(client, given);
      for (const pattern of expected) assert.match(text, pattern);
      assert.doesNotMatch(text, /^!/m);
    });
  }
});

const OBSTACLES: readonly (readonly [string, ClientName, Given, RegExp])[] = [
  [
    'arm64 UEFI that boots by HTTP, without a loader for it',
    'uefi-http-arm64',
    {},
    /^! loader: http:\/\/10\.20\.0\.1\/bootaa64\.efi \(.* → `sudo rackboot images build --arch arm64`/m,
  ],
  [
    'U-Boot bound to a disc, which it cannot start',
    'u-boot-arm64',
    {
      machine: { architecture: 'arm64' },
      more: 'boot: { profiles: [{ name: live, kind: iso, file: bootx64.efi, machines: [web1] }] }',
    },
    /^! kernel: U-Boot, .* → Give this machine another profile/m,
  ],
  [
    'a profile without its file',
    'bios',
    { machine: {}, more: 'boot: { profiles: [{ name: live, file: profiles/linux, machines: [web1] }] }' },
    /^! kernel: the profile live needs profiles\/linux → Put it into the boot tree$/m,
  ],
  [
    'an exhausted range',
    'bios',
    { leases: Array.from({ length: 10 }, (_, index) => lease(0x0a140064 + index, index + 1)) },
    /^! address: none: .* → .*\(range-exhausted\)$/m,
  ],
  [
    'a missing loader',
    'uefi-amd64',
    { tree: WHOLE_TREE.filter((name) => name !== 'bootx64.efi') },
    /^! loader: bootx64\.efi \(.*not in the boot tree → `sudo rackboot images build`/m,
  ],
  [
    'a missing loader of another architecture',
    'uefi-arm64',
    { tree: WHOLE_TREE.filter((name) => name !== 'bootaa64.efi') },
    /^! loader: bootaa64\.efi \(.*not in the boot tree → `sudo rackboot images build --arch arm64`/m,
  ],
  [
    'a missing second stage of another architecture',
    'uefi-arm64',
    { tree: [...WHOLE_TREE.filter((name) => name !== 'grubaa64.efi'), 'bootaa64.efi'] },
    /^! loader: bootaa64\.efi needs grubaa64\.efi .* → `sudo rackboot images build --arch arm64`/m,
  ],
  [
    'a missing second stage',
    'uefi-amd64',
    { tree: WHOLE_TREE.filter((name) => name !== 'grubx64.efi') },
    /^! loader: bootx64\.efi needs grubx64\.efi .* → `sudo rackboot images build`/m,
  ],
  [
    'an architecture without images',
    'bios',
    { machine: { purpose: 'commissioning', architecture: 'arm64' } },
    /^! kernel: .*arm64\/generic\/bookworm\/commissioning → .*rackboot images build --arch arm64$/m,
  ],
  [
    'HTTP boot without a listener',
    'uefi-http-amd64',
    { more: 'boot: { http: { listen: [] } }' },
    /^! loader: none: .*boot\.http\.listen has no address here → /m,
  ],
  [
    'TFTP that listens on another address',
    'bios',
    { more: 'tftp: { listen: [127.0.0.1] }' },
    /^! loader: .*TFTP does not listen on 10\.20\.0\.1 → add it to tftp\.listen$/m,
  ],
  [
    'the limit of New machines',
    'bios',
    { machine: { statusName: 'New', macs: [mac(0x525400000099)] }, more: 'region: { new_machines_max: 1 }' },
    /^! enlistment: .*1 machine is New, and the limit is 1 → .*region\.new_machines_max$/m,
  ],
  [
    'kernel arguments that cannot be quoted',
    'bios',
    { machine: { purpose: 'commissioning', kernelParams: 'a="b' } },
    /^! kernel: the kernel arguments cannot be used: .* → Correct kernel_params/m,
  ],
];

test('each obstacle has its remedy', async (t) => {
  for (const [name, client, given, expected] of OBSTACLES) {
    await t.test(name, () => assert.match(explained(client, given), expected));
  }
});

test('a GRUB without network after HTTP boot is an obstacle for HTTP boot only', () => {
  const oldGrub = (name: string): string => `${name} is GRUB 2.06`;
  const linesOf = (client: ClientName) => forecastBoot(MAC, client, { ...foresight({}), oldGrub })[0]?.lines ?? [];
  const [obstacle, ...others] = linesOf('uefi-http-amd64').filter(({ ok }) => !ok);
  assert.equal(others.length, 0);
  assert.deepEqual([obstacle?.topic, obstacle?.text.includes('grubx64.efi is GRUB 2.06')], ['loader', true]);
  assert.match(obstacle?.remedy ?? '', /`sudo rackboot loaders install`/);
  assert.deepEqual(
    linesOf('uefi-amd64').filter(({ ok }) => !ok),
    [],
  );
});

test('U-Boot needs no loader, and a Raspberry Pi is known by the option 97 that it sent', () => {
  const uBoot = explained('u-boot-arm64', {});
  assert.match(uBoot, /^loader: none is set in boot\.loaders as 22: FILE/m);
  assert.match(uBoot, /^configuration: pxelinux\.cfg\/default/m);
  const pi = explained('bios', { uuid: '52506935-00c0-3111-2233-445501020304' });
  assert.match(pi, /^! loader: bootcode\.bin .*: it is not in the boot tree → put it there$/m);
});

test('a prediction changes nothing: it is repeatable, and holds no address', () => {
  const state = foresight({});
  const first = CLIENT_NAMES.map((name) => forecastBoot(MAC, name, state));
  assert.deepEqual(
    CLIENT_NAMES.map((name) => forecastBoot(MAC, name, state)),
    first,
  );
  assert.equal(state.dhcp.leases.findAllByClient(MAC).length, 0);
});

test('a machine is explained where it has a lease, otherwise in every network, relayed ones included', () => {
  const network = `${NETWORK}\n  - { name: far, relayed: true, network: 10.30.0.0/24, ip_range_low: 10.30.0.100, ip_range_high: 10.30.0.109, dns_servers: [10.20.0.1] }`;
  const places = (leases: readonly Lease[]): string[] =>
    forecastBoot(MAC, 'bios', foresight({ network, leases })).map((boot) => boot.network);
  assert.deepEqual(places([]), ['lab, 10.20.0.0/24 on eth1', 'far, 10.30.0.0/24, relayed']);
  assert.deepEqual(places([lease(0x0a1e0064, MAC)]), ['far, 10.30.0.0/24, relayed']);
  assert.deepEqual(forecastBoot(MAC, 'bios', foresight({ network: 'cluster_interfaces: []' })), []);
});

test('a machine behind a relay agent gets an address, whatever agents its network lists', () => {
  for (const more of [
    '',
    'router_ip: 10.30.0.254, ',
    'relays: [10.30.0.1], ',
    'relays: [10.99.0.0/24], relay_sources: [], ',
  ]) {
    const network = `${NETWORK}\n  - { name: far, relayed: true, ${more}network: 10.30.0.0/24, ip_range_low: 10.30.0.100, ip_range_high: 10.30.0.109, dns_servers: [10.20.0.1] }`;
    const [, far] = forecastBoot(MAC, 'bios', foresight({ network }));
    const line = far?.lines.find(({ topic }) => topic === 'address');
    assert.match(line?.text ?? '', /^10\.30\.0\.10\d \(/, more);
  }
});

test('a machine leased outside its home network is shown the command to move it', () => {
  const network = `${NETWORK}\n  - { name: far, relayed: true, network: 10.30.0.0/24, ip_range_low: 10.30.0.100, ip_range_high: 10.30.0.109, dns_servers: [10.20.0.1] }`;
  const home = lease(0x0a1e0064, MAC).address;
  const remedy = 'if it was moved, run: rackboot machines move web1 rack --network lab';
  const lineOf = (machine: Partial<RackMachine>) =>
    forecastBoot(MAC, 'bios', foresight({ network, machine, leases: [lease(0x0a140064, MAC)] }))[0]?.lines.find(
      ({ topic }) => topic === 'home',
    );
  assert.deepEqual(lineOf({ home, bootToken: 'x'.repeat(32) }), {
    topic: 'home',
    text: 'this network is lab, its home is far: it gets no boot token here',
    remedy,
    ok: false,
  });
  const resting = lineOf({ home });
  assert.deepEqual([resting?.ok, resting?.text.endsWith(remedy)], [true, true]);
  assert.equal(lineOf({ home, statusName: 'New' }), undefined);
  assert.equal(lineOf({ home: lease(0x0a140065, MAC).address }), undefined);
});
