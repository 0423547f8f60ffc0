import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/load.ts';
import type { HostFacts } from '../../src/doctor/host-facts.ts';
import { judgeGateways, judgeHost } from '../../src/doctor/host-judgement.ts';
import { ANY, ipv4 } from '../../src/ground/address.ts';
import { withText } from '../../src/region/reports/notes.ts';

const parsed = parseConfig(readFileSync(join(import.meta.dirname, '..', '..', 'config', 'rackboot.yaml'), 'utf8'));
assert.ok(parsed.ok);
const CONFIG = parsed.config;
const [NETWORK] = CONFIG.clusterInterfaces;
const NAME = NETWORK?.interfaceName ?? '';
const IP = NETWORK?.ip ?? ANY;
const BOTH = (1n << 10n) | (1n << 13n);

const GOOD: HostFacts = {
  actor: { pid: 12, isRack: true, unit: 'rackboot.service', capabilities: BOTH, confinement: undefined },
  ports: [{ protocol: 'UDP', address: ANY, port: 67, setting: 'cluster_interfaces' }],
  interfaces: [{ name: NAME, exists: true, up: true, addresses: [IP] }],
  unprivilegedPortMin: 1024,
  receiveBufferBytesMax: 4 * 1024 * 1024,
  sendBufferBytesMax: 4 * 1024 * 1024,
  neighboursMax: 1024,
  stateDir: { exists: true, writable: true, freeBytes: 1e9 },
  notes: [],
  driversWithoutPrograms: [],
};
const IPMI = { driver: 'ipmi', missing: [{ program: 'ipmitool', package: 'ipmitool' }] };
const [actor, iface] = [GOOD.actor, { name: NAME, exists: true, up: true, addresses: [IP] }];

const cases: readonly [name: string, facts: Partial<HostFacts>, ok: boolean, text: RegExp, fix: RegExp][] = [
  [
    'no right to ports, under a unit',
    { actor: { ...actor, capabilities: 1n << 13n } },
    false,
    /process 12, rackboot\.service\) lacks CAP_NET_BIND_SERVICE and cannot open port 67$/,
    /systemctl edit rackboot\.service[\s\S]*\[Service\]\nAmbientCapabilities=CAP_NET_BIND_SERVICE CAP_NET_RAW\nCapabilityBoundingSet=/,
  ],
  [
    'no right to ports, by hand',
    { actor: { ...actor, isRack: false, unit: undefined, capabilities: 1n << 13n } },
    false,
    /^this user lacks CAP_NET_BIND_SERVICE/,
    /systemctl start rackboot/,
  ],
  [
    'no right to frames is not a fault',
    { actor: { ...actor, capabilities: 1n << 10n } },
    true,
    /lacks CAP_NET_RAW: .*broadcast/,
    /CAP_NET_RAW/,
  ],
  [
    'a driver without its program that no machine uses',
    { driversWithoutPrograms: [{ ...IPMI, machines: 0 }] },
    true,
    /^the driver ipmi needs ipmitool: no machine has it yet$/,
    /^sudo apt-get install ipmitool$/,
  ],
  [
    'a driver without its program that machines use',
    { driversWithoutPrograms: [{ ...IPMI, machines: 2 }] },
    false,
    /^the driver ipmi needs ipmitool: 2 machines have it and cannot be switched$/,
    /^sudo apt-get install ipmitool$/,
  ],
  ['no interface', { interfaces: [{ ...iface, exists: false, up: false }] }, false, /does not exist/, /ip -brief link/],
  [
    'an interface that is down',
    { interfaces: [{ ...iface, up: false }] },
    false,
    /is down/,
    new RegExp(`^sudo ip link set ${NAME} up$`),
  ],
  [
    'no address',
    { interfaces: [{ ...iface, addresses: [] }] },
    false,
    /does not have the address/,
    new RegExp(`^sudo ip address add \\S+/\\d+ dev ${NAME} `),
  ],
  [
    'small send buffers',
    { sendBufferBytesMax: 212_992 },
    true,
    /^the kernel grants 208.0 KiB of 4.0 MiB: .*replies to others may be lost$/,
    /^echo net\.core\.wmem_max=4194304 \| sudo tee \/etc\/sysctl\.d\/60-rackboot-send\.conf && /,
  ],
  [
    'small buffers',
    { receiveBufferBytesMax: 212_992 },
    true,
    /208.0 KiB of 4.0 MiB/,
    /net\.core\.rmem_max=4194304 \| sudo tee/,
  ],
  [
    'an ARP table for fewer hosts than the networks have addresses',
    { neighboursMax: 128 },
    true,
    /^the kernel keeps 128 hosts at a time, but the served networks have \d+ addresses: /,
    /^printf 'net\.ipv4\.neigh\.default\.gc_thresh2=\d+\\nnet\.ipv4\.neigh\.default\.gc_thresh3=(?:512|1024|2048)\\n' \| sudo tee \/etc\/sysctl\.d\/60-rackboot-arp\.conf && sudo sysctl -p /,
  ],
  [
    'no netlink',
    { notes: [withText({ note: 'interfaces-unheard', reason: 'EAFNOSUPPORT' })] },
    true,
    /EAFNOSUPPORT/,
    /RestrictAddressFamilies=.*AF_NETLINK AF_PACKET/,
  ],
  [
    'no state directory',
    { stateDir: { exists: false, writable: false, freeBytes: undefined } },
    false,
    /does not exist/,
    /^sudo install -d -o rackboot/,
  ],
  [
    'a foreign state directory',
    { stateDir: { exists: true, writable: false, freeBytes: 1e9 } },
    false,
    /^the running rack \(.*\) may not write \//,
    /^sudo chown -R rackboot:rackboot /,
  ],
  ['a full disk', { stateDir: { exists: true, writable: true, freeBytes: 5e6 } }, false, /has 5 MiB left/, /make room/],
  [
    'AppArmor',
    { actor: { ...actor, confinement: 'rackboot (enforce)' } },
    true,
    /confined as rackboot \(enforce\)/,
    /apparmor/,
  ],
  ['SELinux', { actor: { ...actor, confinement: 'system_u:system_r:init_t:s0' } }, true, /init_t/, /ausearch/],
];
for (const [name, facts, ok, text, fix] of cases) {
  test(`${name}: the finding and its fix`, () => {
    const [finding, ...none] = judgeHost(CONFIG, { ...GOOD, ...facts }).filter((one) => one.fix !== undefined);
    assert.deepEqual(none, []);
    assert.equal(finding?.ok, ok);
    assert.equal(finding?.isNote === true, ok, 'every finding with a fix is a note or a fault');
    assert.match(finding?.text ?? '', text);
    assert.match(finding?.fix ?? '', fix);
  });
}

test('a host without faults needs no fix', () => {
  for (const confinement of ['unconfined_u:unconfined_r:unconfined_t:s0', 'rackboot (complain)', undefined]) {
    const found = judgeHost(CONFIG, { ...GOOD, actor: { ...actor, confinement } });
    assert.deepEqual(found, [
      {
        check: 'right to ports',
        ok: true,
        text: 'the running rack (process 12, rackboot.service) may open port 67',
        fix: undefined,
      },
    ]);
  }
});

test('a range that holds the default gateway of the host is named: a note, or a fault where machines could get it', () => {
  const range = (low: number, high: number) => ({ low: ipv4(low), high: ipv4(high) });
  const lab = { name: 'lab', dynamic: range(0xc0a87fb2, 0xc0a87ffe), static: range(0xc0a87f41, 0xc0a87fb1) };
  const checks = (gateway: number) => judgeGateways([lab], [ipv4(gateway)]).map(({ ok, text }) => ({ ok, text }));
  assert.deepEqual(checks(0xc0a87f01), []);
  const [dynamic] = checks(0xc0a87ffe);
  assert.equal(dynamic?.ok, true);
  assert.match(
    dynamic?.text ?? '',
    /dynamic range 192\.168\.127\.178 to 192\.168\.127\.254 holds 192\.168\.127\.254, the default gateway/,
  );
  assert.equal(checks(0xc0a87f50)[0]?.ok, false);
});
