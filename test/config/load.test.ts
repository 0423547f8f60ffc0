import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatProblems, readConfigText } from '../../src/config/config-file.ts';
import { findHostOverlaps } from '../../src/config/host-check.ts';
import { parseConfig } from '../../src/config/load.ts';
import {
  formatIpv4,
  formatNetwork,
  type Ipv4,
  LIMITED_BROADCAST,
  LOOPBACK,
  parseIpv4,
  parseNetwork,
} from '../../src/ground/address.ts';
import type { Settings } from '../../src/machines/settings.ts';
import { problemsOf } from '../support/config-problems.ts';

const EXAMPLE = join(import.meta.dirname, '../../config/rackboot.yaml');
const address = (text: string): Ipv4 => parseIpv4(text) ?? assert.fail(text);

const GOOD_LINES = [
  '  - name: lab',
  '    interface: eth1',
  '    ip: 10.20.0.1',
  '    network: 10.20.0.0/24',
  '    ip_range_low: 10.20.0.100',
  '    ip_range_high: 10.20.0.199',
];

/** A valid interface with lines replaced by key, or added. */
function withInterface(changes: Readonly<Record<string, string | undefined>>, rest = ''): string {
  const lines = GOOD_LINES.filter(
    (line) => !Object.keys(changes).some((key) => line.trim().replace(/^- /, '').startsWith(`${key}:`)),
  );
  for (const [key, value] of Object.entries(changes)) if (value !== undefined) lines.push(`    ${key}: ${value}`);
  if (!lines.some((line) => line.startsWith('  - '))) lines.unshift('  - relayed: false');
  return `cluster_interfaces:\n${lines.join('\n')}\n${rest}`;
}

function usableOf(text: string, stored: Settings = {}) {
  const parsed = parseConfig(text, stored);
  if (!parsed.ok) assert.fail(formatProblems('f', parsed.problems));
  return parsed;
}
const configOf = (text: string) => usableOf(text).config;

test('the example shipped to users is accepted and means what its comments say', () => {
  const config = configOf(readFileSync(EXAMPLE, 'utf8'));
  assert.equal(config.dhcp.subnets.length, 2);
  assert.deepEqual(config.dns.listen.map(formatIpv4), ['10.20.0.1', '127.0.0.1']);
  assert.equal(config.boot.tree, '/var/lib/rackboot/boot');
});

test('an empty file is a configuration that serves no network and listens on loopback only', () => {
  const config = configOf('');
  assert.deepEqual(config.dhcp.subnets, []);
  assert.deepEqual(config.tftp.listen, []);
  assert.deepEqual(config.dns.listen, []);
  assert.deepEqual(config.http.listen, [{ address: LOOPBACK, port: 80, optional: true }]);
  assert.deepEqual(config.region.listen, [{ host: '127.0.0.1', port: 5240 }]);
});

test('by default machines enlist with the environment and make a user on their BMC', () => {
  const { enlistWith, bmcUser } = configOf('').boot;
  assert.deepEqual([enlistWith, bmcUser], ['environment', true]);
  const other = configOf('boot: { enlist_with: installer }\nenlistment: { bmc_user: false }\n').boot;
  assert.deepEqual([other.enlistWith, other.bmcUser], ['installer', false]);
  const imported = configOf('boot: { enlist_with: ubuntu/noble }\n').boot.enlistWith;
  assert.deepEqual(imported, { os: 'ubuntu', release: 'noble', label: undefined });
  assert.match(
    problemsOf('boot: { enlist_with: d-i }\n'),
    /boot\.enlist_with.*expected environment .*, installer .* or an imported system/,
  );
});

test('defaults follow from the cluster interface', () => {
  const config = configOf(withInterface({}, 'dns: { upstream: "192.0.2.1 192.0.2.2:5353" }'));
  const subnet = config.dhcp.subnets[0] ?? assert.fail();
  assert.deepEqual(subnet.dnsServers.map(formatIpv4), ['10.20.0.1']);
  assert.equal(formatIpv4(subnet.broadcast), '10.20.0.255');
  assert.equal(subnet.leaseTime, 600);
  assert.deepEqual(config.tftp.listen.map(formatIpv4), ['10.20.0.1']);
  assert.deepEqual(config.dns.listen.map(formatIpv4), ['10.20.0.1', '127.0.0.1']);
  assert.deepEqual(config.dns.reverseNetworks.map(formatNetwork), ['10.20.0.0/24']);
  assert.deepEqual(
    config.dns.upstream.map(({ address: ip, port }) => `${formatIpv4(ip)}:${port}`),
    ['192.0.2.1:53', '192.0.2.2:5353'],
  );
  assert.deepEqual(
    config.boot.http.map(({ address: ip, port }) => `${formatIpv4(ip)}:${port}`),
    ['10.20.0.1:5248', '127.0.0.1:80', '10.20.0.1:80'],
  );
  assert.equal(config.region.listen.length, 2);
});

test('port 80 is a default only: whoever names a listener gets that one alone', () => {
  const httpOf = (more: string) => configOf(withInterface({}, more)).http.listen.map(({ port }) => port);
  assert.deepEqual(httpOf('boot: { http: { listen: ["10.20.0.1:5248"] } }'), [5248]);
  assert.deepEqual(httpOf('region: { listen: ["10.20.0.1:5240"] }'), [5248]);
  assert.deepEqual(httpOf('region: { listen: ["0.0.0.0:5240"] }'), [5248, 80, 80], 'every address is no choice');
  assert.deepEqual(httpOf('region: { mode: remote, url: "http://region:5240/MAAS" }'), [5248, 80]);
});

test('management 1 offers the upstream servers, and serves no DNS there', () => {
  const config = configOf(withInterface({ management: '1' }, 'dns: { upstream: [192.0.2.1] }'));
  assert.deepEqual(config.dhcp.subnets[0]?.dnsServers.map(formatIpv4), ['192.0.2.1']);
  assert.deepEqual(config.dns.listen, []);
  assert.deepEqual([config.dns.reverseNetworks, config.dns.generated], [[], []]);
});

test('management 0 has no DHCP and needs no range', () => {
  const config = configOf(withInterface({ management: '0', ip_range_low: undefined, ip_range_high: undefined }));
  assert.deepEqual(config.dhcp.subnets, []);
  assert.deepEqual(config.tftp.listen.map(formatIpv4), ['10.20.0.1']);
});

test('a network with management 0 counts as managed: machines that boot there through another DHCP server may enlist', () => {
  const config = configOf(withInterface({ management: '0', ip_range_low: undefined, ip_range_high: undefined }));
  assert.deepEqual(config.region.managedNetworks.map(formatNetwork), ['10.20.0.0/24']);
});

test('TFTP answers every configured network (also relayed, in proxy mode or without DHCP), loopback and tftp.allow', () => {
  const clientsOf = (text: string): string => configOf(text).tftp.clients.map(formatNetwork).join(' ');
  assert.equal(clientsOf(withInterface({ management: '0' })), '10.20.0.0/24 127.0.0.0/8');
  assert.equal(
    clientsOf(withInterface({ mode: 'proxy', ip_range_low: undefined, ip_range_high: undefined })),
    clientsOf(withInterface({})),
  );
  assert.equal(
    clientsOf(withInterface({}, '  - { name: far, relayed: true, network: 10.30.0.0/24, management: 0 }\n')),
    '10.20.0.0/24 10.30.0.0/24 127.0.0.0/8',
  );
  assert.equal(
    clientsOf(withInterface({}, 'tftp: { allow: [198.51.100.0/24, 203.0.113.7] }\n')),
    '10.20.0.0/24 127.0.0.0/8 198.51.100.0/24 203.0.113.7/32',
  );
  assert.match(problemsOf('tftp: { allow: 10.0.0.0/8 }'), /tftp\.allow: expected a list of addresses and networks: \[/);
  assert.match(problemsOf('tftp: { allow: [10.0.0.1/8] }'), /tftp\.allow\[0\].*no bit set beyond/);
});

test('the network follows from ip and subnet_mask', () => {
  const config = configOf(withInterface({ network: undefined, subnet_mask: '255.255.255.0' }));
  assert.equal(formatNetwork(config.dhcp.subnets[0]?.network ?? assert.fail()), '10.20.0.0/24');
});

test('by default the rack probes addresses and answers router solicitations; a network can turn both off', () => {
  const [asked] = configOf(withInterface({})).dhcp.subnets;
  assert.equal(asked?.conflictCheck, true);
  const [heard] = configOf(withInterface({})).clusterInterfaces;
  assert.equal(heard?.answersRouterSolicitations, true);
  const off = configOf(withInterface({ conflict_check: 'false', answer_router_solicitations: 'false' }));
  assert.equal(off.dhcp.subnets[0]?.conflictCheck, false);
  assert.equal(off.clusterInterfaces[0]?.answersRouterSolicitations, false);
  const unmanaged = configOf(withInterface({ management: '0' }));
  assert.equal(unmanaged.clusterInterfaces[0]?.answersRouterSolicitations, false, 'nor where DHCP is off');
});

const PROXY = { mode: 'proxy', ip_range_low: undefined, ip_range_high: undefined };

test('a network in proxy mode has no range, and is served alongside one with a range', () => {
  const both = withInterface(PROXY).replace(
    /cluster_interfaces:\n/,
    (line) =>
      `${line}  - { name: own, interface: eth2, ip: 10.21.0.1, network: 10.21.0.0/24, ip_range_low: 10.21.0.10, ip_range_high: 10.21.0.20 }\n`,
  );
  const { subnets, proxyPort } = configOf(both).dhcp;
  assert.deepEqual(
    subnets.map(({ proxy, dynamic }) => [proxy, dynamic !== undefined]),
    [
      [false, true],
      [true, false],
    ],
  );
  assert.equal(proxyPort, 4011);
});

/** A network of two addresses (RFC 3021), of which none is given: another server may serve it, or none. */
const TWO_ADDRESSES = { network: '10.20.0.0/31', ip: '10.20.0.1', ip_range_low: undefined, ip_range_high: undefined };

const OTHER = { ip_range_low: '10.20.0.0', ip_range_high: '10.20.0.0' };
const HOST = '[{mac: "52:54:00:00:00:01", ip: 10.20.0.0}]';

test('both addresses of a network of two are hosts’, and it has no broadcast address of its own', () => {
  for (const changes of [{ mode: 'proxy' }, { management: '0' }, OTHER, { hosts: HOST }])
    assert.equal(problemsOf(withInterface({ ...TWO_ADDRESSES, ...changes })), '');
  const given = configOf(withInterface({ ...TWO_ADDRESSES, ...OTHER, broadcast_ip: '10.20.0.1' })).dhcp.subnets[0];
  assert.deepEqual(
    [given?.broadcast, given?.dynamic],
    [LIMITED_BROADCAST, { low: given?.network.address, high: given?.network.address }],
  );
});

test('a network may have reservations only, or addresses that the region fixes', () => {
  const bare = { ip_range_low: undefined, ip_range_high: undefined };
  for (const changes of [
    { hosts: '[{mac: "52:54:00:00:00:01", ip: 10.20.0.5}]' },
    { static_ip_range_low: '10.20.0.5', static_ip_range_high: '10.20.0.9' },
  ])
    assert.equal(configOf(withInterface({ ...bare, ...changes })).dhcp.subnets[0]?.dynamic, undefined);
});

const REFUSALS: readonly (readonly [string, string, RegExp])[] = [
  [
    'an unknown key',
    withInterface({ ip_rage_low: '10.20.0.5' }),
    /f:8: cluster_interfaces\[0\]\.ip_rage_low: unknown key/,
  ],
  ['a bad address', withInterface({ ip: '10.20.0.256' }), /cluster_interfaces\[0\]\.ip: expected an IPv4 address/],
  ['a network with host bits', withInterface({ network: '10.20.0.1/24' }), /network: expected a network/],
  [
    'an address outside the network',
    withInterface({ ip: '10.21.0.1' }),
    /ip: 10\.21\.0\.1 is not inside 10\.20\.0\.0\/24/,
  ],
  ['the network address as the rack', withInterface({ ip: '10.20.0.0' }), /first address/],
  [
    'a range with the first address of a network',
    withInterface({ ip_range_low: '10.20.0.0' }),
    /ip_range_low: 10\.20\.0\.0 is the first address of 10\.20\.0\.0\/24/,
  ],
  [
    'a static range with its last',
    withInterface({ static_ip_range_low: '10.20.0.250', static_ip_range_high: '10.20.0.255' }),
    /static_ip_range_high: 10\.20\.0\.255 is the last address/,
  ],
  ['a router outside', withInterface({ router_ip: '10.9.0.1' }), /router_ip: 10\.9\.0\.1 is not inside/],
  ['low above high', withInterface({ ip_range_low: '10.20.0.200' }), /ip_range_low: 10\.20\.0\.200 is above/],
  ['half a range', withInterface({ ip_range_high: undefined }), /ip_range_high: missing/],
  [
    'neither a range nor reservations on a managed interface',
    withInterface({ ip_range_low: undefined, ip_range_high: undefined }),
    /needs a dynamic range/,
  ],
  [
    'ranges that share addresses',
    withInterface({ static_ip_range_low: '10.20.0.150', static_ip_range_high: '10.20.0.220' }),
    /share addresses/,
  ],
  ['a range that contains the rack', withInterface({ ip: '10.20.0.150' }), /the range contains ip 10\.20\.0\.150/],
  ['a range that contains the router', withInterface({ router_ip: '10.20.0.150' }), /the range contains router_ip/],
  ['an interface with neither name nor relay', withInterface({ interface: undefined }), /interface: missing/],
  ['an interface without the rack address', withInterface({ ip: undefined }), /ip: missing/],
  ['neither network nor mask', withInterface({ network: undefined }), /network: missing/],
  ['a mask with holes', withInterface({ network: undefined, subnet_mask: '255.0.255.0' }), /expected a subnet mask/],
  ['a mask that contradicts the network', withInterface({ subnet_mask: '255.255.0.0' }), /contradicts network/],
  ['management 3', withInterface({ management: '3' }), /management: expected 0 \(no DHCP\)/],
  [
    'a range in proxy mode',
    withInterface({ mode: 'proxy' }),
    /ip_range_low: in proxy mode .*; remove this key or `mode: proxy`/,
  ],
  [
    'a reservation in proxy mode',
    withInterface({ ...PROXY, hosts: '[{mac: "52:54:00:00:00:01", ip: 10.20.0.5}]' }),
    /hosts: in proxy mode .*: reserve them there/,
  ],
  ['proxy mode without DHCP', withInterface({ ...PROXY, management: '0' }), /mode: proxy mode answers DHCP, but/],
  ['a mode without meaning', withInterface({ mode: 'relay' }), /mode: expected server, or proxy/],
  ['a lease of one second', withInterface({ lease_time: '1' }), /lease_time: 1 second is outside/],
  ['a lease time without meaning', withInterface({ lease_time: 'soon' }), /lease_time: expected a duration/],
  [
    'two hosts with one address',
    withInterface({ hosts: '[{mac: "52:54:00:00:00:01", ip: 10.20.0.5}, {mac: "52:54:00:00:00:02", ip: 10.20.0.5}]' }),
    /hosts\[1\]\.ip: 10\.20\.0\.5 is also in hosts\[0\]\.ip/,
  ],
  [
    'another broadcast address',
    withInterface({ broadcast_ip: '10.20.0.127' }),
    /broadcast_ip: 10\.20\.0\.127 is another address: the broadcast address of 10\.20\.0\.0\/24 is 10\.20\.0\.255/,
  ],
  [
    'a host outside',
    withInterface({ hosts: '[{mac: "52:54:00:00:00:01", ip: 10.21.0.5}]' }),
    /hosts\[0\]\.ip: 10\.21\.0\.5 is not inside/,
  ],
  [
    'a host with the router’s address',
    withInterface({ router_ip: '10.20.0.254', hosts: '[{mac: "52:54:00:00:00:01", ip: 10.20.0.254}]' }),
    /hosts\[0\]\.ip: 10\.20\.0\.254 is the router's address/,
  ],
  [
    'a host with the broadcast address',
    withInterface({ hosts: '[{mac: "52:54:00:00:00:01", ip: 10.20.0.255}]' }),
    /hosts\[0\]\.ip: 10\.20\.0\.255 is an address of 10\.20\.0\.0\/24 that no client can have/,
  ],
  [
    'two hosts with one client identifier',
    withInterface({
      hosts:
        '[{mac: "52:54:00:00:00:01", client_id: a, ip: 10.20.0.5}, {mac: "52:54:00:00:00:02", client_id: "a", ip: 10.20.0.6}]',
    }),
    /hosts\[1\]\.client_id: the client identifier a is also in hosts\[0\]\.client_id/,
  ],
  [
    'an empty client identifier',
    withInterface({ hosts: '[{mac: "52:54:00:00:00:01", client_id: "", ip: 10.20.0.5}]' }),
    /hosts\[0\]\.client_id: expected a client identifier/,
  ],
  [
    'an unknown identity',
    withInterface({ identity: 'duid' }),
    /identity: expected mac \(identify clients by hardware address\) or client-id/,
  ],
  [
    'dnssec_validation auto',
    'dns: { dnssec_validation: auto }',
    /dns\.dnssec_validation: only `no` is accepted: Rackboot has no DNSSEC validator/,
  ],
  ['dnssec_validation yes', 'dns: { dnssec_validation: yes }', /no DNSSEC validator/],
  ['an upstream with more than a port', 'dns: { upstream: "192.0.2.1:53:54" }', /dns\.upstream/],
  ['an upstream without meaning', 'dns: { upstream: "192.0.2.1 example" }', /dns\.upstream/],
  ['a port out of range', 'tftp: { listen_port: 70000 }', /tftp\.listen_port/],
  ['a relative state directory', 'state_dir: var', /state_dir: expected an absolute path/],
  [
    'a loader key that is not a number',
    'boot: { loaders: { efi: x.efi } }',
    /boot\.loaders\.efi: expected a number of option 93/,
  ],
  ['a loader key too large for option 93', 'boot: { loaders: { 70000: x.efi } }', /boot\.loaders.*0 to 65535/],
  ['a loader key with a leading zero', 'boot: { loaders: { "07": x.efi } }', /boot\.loaders.*0 to 65535/],
  [
    'kernel arguments that not every loader can take',
    'boot: { kernel_params: "a || b" }',
    /boot\.kernel_params: not every loader accepts this/,
  ],
  ['a proxy with a password', 'http_proxy: http://me:pw@proxy:3128/', /http_proxy: .*without a password, or none/],
  ['a proxy that is not http', 'http_proxy: socks5://proxy/', /http_proxy/],
  ['an empty region.listen', 'region: { listen: [] }', /region\.listen: is empty/],
  [
    'an address record without an address',
    'dns: { records: [{ name: a.maas, type: A, data: 10.20.0.5 }, { name: b.maas, type: A, data: garbage }] }',
    /^f:1: dns\.records\[1\]\.data: "garbage" is not A data: expected an IPv4 address/,
  ],
  [
    'a service record without its numbers',
    'dns: { records: [{ name: _sip._udp.maas, type: SRV, data: sip.maas }] }',
    /dns\.records\[0\]\.data: .*priority, weight, port and name/,
  ],
  ...[
    'log: { levels: { __proto__: debug } }',
    'boot: { loaders: { __proto__: x } }',
    'dns: { forward_zones: { __proto__: 10.0.0.1 } }',
  ].map((text): readonly [string, string, RegExp] => [
    `the key __proto__ in ${text}`,
    text,
    /^f:1: \w+\.\w+\.__proto__: no key may have this name/,
  ]),
  ['text that is not YAML', 'a: [', /f:1: not valid YAML/],
  [
    'a duplicate key',
    'name: a\ndns:\n  domain: x\n  upstream: 192.0.2.1\n  domain: y\n',
    /f:5: not valid YAML: .*domain appears twice, in lines 3 and 5/,
  ],
  [
    'a duplicate key in braces',
    'region: { mode: remote, mode: embedded }',
    /f:1: .*key mode appears twice, in lines 1 and 1/,
  ],
  ['a list instead of a mapping', '- a', /f: .*expected/i],
];

for (const [name, text, expected] of REFUSALS) {
  test(`${name} is refused`, () => assert.match(problemsOf(text), expected));
}

test('a map of 40 000 keys is read at once: a saved file does not stop the rack', () => {
  const begun = process.cpuUsage();
  const keys = Array.from({ length: 40_000 }, (_, index) => `  key-${index}: 1\n`).join('');
  assert.match(problemsOf(`dns:\n${keys}  key-7: 2\n`), /f:40002: .*key-7 appears twice, in lines 9 and 40002/);
  const { user } = process.cpuUsage(begun);
  assert.ok(user < 10_000_000, `${user} µs of a processor`);
});

test('several networks may be on one interface, in one mode', () => {
  const second = (more: string): string =>
    `${withInterface({})}  - { name: b, interface: eth1, ip: 10.21.0.1, network: 10.21.0.0/24, ${more} }\n`;
  const { dhcp } = configOf(second('ip_range_low: 10.21.0.100, ip_range_high: 10.21.0.199, authoritative: yes'));
  assert.deepEqual(
    dhcp.subnets.map(({ interfaceName, authoritative }) => [interfaceName, authoritative]),
    [
      ['eth1', 'auto'],
      ['eth1', 'yes'],
    ],
  );
  assert.match(problemsOf(second('mode: proxy')), /cluster_interfaces\[1\]\.mode: proxy contradicts server/);
});

test('the rack probes for other DHCP servers every ten minutes, at another interval, or never', () => {
  const probed = (words: string) => configOf(withInterface({}, words)).dhcp.foreignProbe;
  assert.equal(probed(''), 600);
  assert.equal(probed('dhcp: { foreign_probe: 1h }\n'), 3600);
  assert.equal(probed('dhcp: { foreign_probe: no }\n'), undefined);
  assert.equal(probed('dhcp: { foreign_probe: false }\n'), undefined);
  for (const wrong of ['59', '2d', 'yes', 'soon']) {
    assert.match(
      problemsOf(withInterface({}, `dhcp: { foreign_probe: ${wrong} }\n`)),
      /dhcp\.foreign_probe: expected a duration from 1m to 1d, or `no`/,
    );
  }
  assert.match(problemsOf(withInterface({ authoritative: 'perhaps' })), /authoritative: expected auto, yes/);
});

test('networks that overlap each other are refused', () => {
  const second =
    '  - { name: b, interface: eth2, ip: 10.20.0.130, network: 10.20.0.128/25, ip_range_low: 10.20.0.140, ip_range_high: 10.20.0.150 }\n';
  assert.match(
    problemsOf(withInterface({}) + second),
    /cluster_interfaces\[1\]\.network: 10\.20\.0\.128\/25 overlaps 10\.20\.0\.0\/24/,
  );
});

test('all problems are reported at once, each with its line', () => {
  const text = `${withInterface({ ip: 'x', router_ip: 'y' })}tftp: { listen_port: 0 }\nfoo: 1\n`;
  const lines = problemsOf(text).split('\n');
  assert.equal(lines.length, 4, lines.join('\n'));
  for (const line of lines) assert.match(line, /^f:\d+: /);
});

test('an invalid value does not hide contradictions among the others, and causes no further problem', () => {
  const text = withInterface({
    ip: 'x',
    ip_range_low: '10.20.0.250',
    static_ip_range_low: '10.21.0.5',
    static_ip_range_high: '10.20.0.9',
  });
  const paths = problemsOf(`${text}boot: { kernel_params: 7 }\nfoo: 1\n`)
    .split('\n')
    .map((line) => line.split(': ')[1]);
  assert.deepEqual(paths, [
    'cluster_interfaces[0].ip',
    'cluster_interfaces[0].ip_range_low',
    'cluster_interfaces[0].static_ip_range_low',
    'cluster_interfaces[0].static_ip_range_low',
    'boot.kernel_params',
    'foo',
  ]);
});

const host = (name: string, ip: string, prefix: number) => [{ name, addresses: [{ address: address(ip), prefix }] }];

test('a network that another interface of the host has is refused, one that its own interface has is not', () => {
  const config = usableOf(withInterface({}));
  assert.deepEqual(findHostOverlaps(config, host('eth1', '10.20.0.1', 24)), []);
  assert.match(
    findHostOverlaps(config, host('eth1', '10.20.0.129', 25))[0]?.message ?? '',
    /give the interface and the configuration the same network/,
  );
  assert.deepEqual(findHostOverlaps(config, host('eth0', '192.168.0.2', 24)), []);
  assert.deepEqual(findHostOverlaps(config, host('tun0', '10.20.0.9', 32)), []);
  assert.match(
    findHostOverlaps(config, host('eth0', '10.20.5.2', 16))[0]?.message ?? '',
    /on eth0; choose another network/,
  );
});

test('an overlap with an address of the host is told at the place where its owner would look', () => {
  const far = { name: 'far', relayed: true, network: '10.30.0.0/24', management: 0 };
  const usable = usableOf(withInterface({}), { cluster_interfaces: [far] });
  assert.match(
    formatProblems('f', findHostOverlaps(usable, host('eth2', '10.30.0.1', 24))),
    /^the region's store: cluster_interfaces\.far\.network: 10\.30\.0\.0\/24 overlaps/,
  );
  assert.match(
    formatProblems('f', findHostOverlaps(usable, host('eth0', '10.20.5.2', 16))),
    /^f:\d+: cluster_interfaces\[0\]\.network: 10\.20\.0\.0\/24 overlaps/,
  );
});

test('any text is a configuration or a list of problems, never an exception', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json().map((json) => `cluster_interfaces: ${json}\n`),
        fc.json(),
      ),
      (text) => {
        const parsed = parseConfig(text);
        return parsed.ok || parsed.problems.length > 0;
      },
    ),
    { numRuns: 500 },
  );
});

test('parseNetwork and the YAML agree on what a network is', () => {
  assert.equal(parseNetwork('10.20.0.0/33'), undefined);
  assert.equal(parseNetwork('10.20.0.0'), undefined);
});

test('the identity rule, the reservations and the limit of new clients reach the DHCP server', () => {
  const hosts =
    '[{mac: "52:54:00:00:00:01", client_id: "ff:00:e9", ip: 10.20.0.5}, {mac: "52:54:00:00:00:02", client_id: "prïnter", ip: 10.20.0.6}]';
  const parsed = parseConfig(
    `${withInterface({ identity: 'client-id', hosts })}\ndhcp: { new_clients_per_second: 7 }\n`,
  );
  assert.ok(parsed.ok, JSON.stringify(parsed));
  const { dhcp } = parsed.config;
  assert.equal(dhcp.newClientsPerSecond, 7);
  assert.equal(dhcp.subnets[0]?.identity, 'client-id');
  assert.deepEqual(
    dhcp.subnets[0]?.reservations.map(({ clientId }) => Buffer.from(clientId ?? '', 'latin1').toString('hex')),
    ['ff00e9', Buffer.from('prïnter').toString('hex')],
    'hexadecimal bytes are bytes, anything else is UTF-8 text',
  );
  const plain = parseConfig(withInterface({}));
  assert.ok(plain.ok);
  assert.equal(plain.config.dhcp.subnets[0]?.identity, 'mac');
  assert.equal(plain.config.dhcp.newClientsPerSecond, 50);
});

test('relays are addresses or networks; a network without the key accepts any relay that may be served', () => {
  const relaysOf = (text: string) => configOf(withInterface({ relays: text })).dhcp.subnets[0]?.relays;
  assert.deepEqual(relaysOf('[10.20.0.2, 10.99.0.0/24]')?.map(formatNetwork), ['10.20.0.2/32', '10.99.0.0/24']);
  assert.equal(configOf(withInterface({})).dhcp.subnets[0]?.relays, undefined);
  for (const wrong of ['[]', '[10.20.0.300]', '[10.20.0.1/24]', 'gateway'])
    assert.match(problemsOf(withInterface({ relays: wrong })), /cluster_interfaces\[0\]\.relays/, wrong);
});

test('relay_sources are addresses or networks; an empty list allows only the relays’ own, a missing one every served source', () => {
  const sourcesOf = (text: string) => configOf(withInterface({ relay_sources: text })).dhcp.subnets[0]?.relaySources;
  assert.deepEqual(sourcesOf('[10.20.0.2, 10.99.0.0/24]')?.map(formatNetwork), ['10.20.0.2/32', '10.99.0.0/24']);
  assert.deepEqual(sourcesOf('[]'), []);
  assert.equal(configOf(withInterface({})).dhcp.subnets[0]?.relaySources, undefined);
  for (const wrong of ['[10.20.0.300]', '[10.20.0.1/24]', 'gateway'])
    assert.match(problemsOf(withInterface({ relay_sources: wrong })), /cluster_interfaces\[0\]\.relay_sources/, wrong);
});

test('the error for a missing file names the command that makes one, the error for an unreadable file does not', () => {
  const there = /^there is no configuration \/nowhere\.yaml: `sudo rackboot init`/;
  assert.throws(() => readConfigText('/nowhere.yaml'), { code: 'config-unreadable', message: there });
  const unreadable = /^cannot read the configuration: there is no file \/proc\/self\/mem\/x: /;
  assert.throws(() => readConfigText('/proc/self/mem/x'), { code: 'config-unreadable', message: unreadable });
});

test('the error for the file of an ended lab, which the shell still names, says so', () => {
  const former = process.env.RACKBOOT_CONFIG;
  process.env.RACKBOOT_CONFIG = '/tmp/rackboot-lab-AbCdEf/lab.yaml';
  try {
    assert.throws(
      () => readConfigText('/tmp/rackboot-lab-AbCdEf/lab.yaml'),
      /that lab has ended; run: unset RACKBOOT_CONFIG$/,
    );
  } finally {
    if (former === undefined) delete process.env.RACKBOOT_CONFIG;
    else process.env.RACKBOOT_CONFIG = former;
  }
});
