// Options and lease times in the configuration: the result, and the message for each mistake.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatProblems, readConfigFile } from '../../src/config/config-file.ts';
import { compareConfigs, formatChange } from '../../src/config/difference.ts';
import { parseConfig } from '../../src/config/load.ts';
import { resolveFile } from '../../src/config/resolve-file.ts';
import type { DhcpSubnet } from '../../src/dhcp/networks/config.ts';
import type { OptionTable } from '../../src/dhcp/networks/configured-options.ts';
import { formatIpv4, type Ipv4, ipv4 } from '../../src/ground/address.ts';
import { ip } from '../support/lab-facts.ts';

const LAB = `cluster_interfaces:
  - name: lab
    interface: eth1
    ip: 10.20.0.1
    network: 10.20.0.0/24
    router_ip: 10.20.0.254
    ip_range_low: 10.20.0.100
    ip_range_high: 10.20.0.199
`;

/** The network of a file with these keys in `dhcp` and in its cluster interface. */
function subnetOf(dhcp: string, own = ''): DhcpSubnet {
  const parsed = parseConfig(`${LAB}${own === '' ? '' : `    ${own}\n`}dhcp: { ${dhcp} }\n`);
  if (!parsed.ok) assert.fail(formatProblems('f', parsed.problems));
  return parsed.config.dhcp.subnets[0] ?? assert.fail();
}

function problemsOf(dhcp: string, own = ''): string {
  const parsed = parseConfig(`${LAB}${own === '' ? '' : `    ${own}\n`}dhcp: { ${dhcp} }\n`);
  return parsed.ok ? '' : formatProblems('f', parsed.problems);
}

function refusedOf(text: string) {
  const parsed = parseConfig(text);
  return parsed.ok ? [] : parsed.problems;
}

const valuesOf = (table: OptionTable | undefined, code: number): readonly string[] =>
  (table?.byCode.get(code) ?? []).map(({ value }) => Buffer.from(value).toString('hex'));

test('a network without options has no table', () => {
  assert.equal(subnetOf('').options, undefined);
});

test('an option has a name or a code, and its value the type of the option', () => {
  const { options } = subnetOf(
    'options: [{ name: ntp-servers, value: [10.20.0.9] }, { code: 26, value: 9000 }, { code: 224, type: text, value: x }]',
  );
  assert.deepEqual(
    [42, 26, 224].map((code) => valuesOf(options, code)),
    [['0a140009'], ['2328'], ['78']],
  );
  assert.deepEqual(options?.forced, []);
});

test('a network’s entries come before the global ones, and conditional ones keep their order', () => {
  const { options } = subnetOf(
    'options: [{ code: 17, value: g }]',
    'options: [{ code: 17, value: a, when: { vendor_class: "x*" }, force: true }, { code: 17, value: b }]',
  );
  assert.deepEqual(valuesOf(options, 17), ['61', '62', '67']);
  assert.deepEqual(options?.forced, [17]);
  assert.deepEqual(options?.byCode.get(17)?.[0]?.when?.vendorClass, { text: 'x', isPrefix: true });
});

test('a host has its own table', () => {
  const hosts =
    'hosts: [{ mac: "52:54:00:00:00:01", ip: 10.20.0.5, options: [{ code: 17, value: h }] }, { mac: "52:54:00:00:00:02", ip: 10.20.0.6 }]';
  const { reservations } = subnetOf('', hosts);
  assert.deepEqual(
    reservations.map(({ options }) => valuesOf(options, 17)),
    [['68'], []],
  );
});

test('a key of the cluster interface overrides a global option, and its own option overrides the key', () => {
  const servers =
    'options: [{ code: 3, value: 10.20.0.7 }, { code: 6, value: 10.20.0.8 }, { code: 42, value: 10.20.0.9 }]';
  const general = subnetOf(servers).options;
  assert.deepEqual(
    [3, 6, 42].map((code) => valuesOf(general, code)),
    [[], ['0a140008'], ['0a140009']],
  );
  const keyed = subnetOf(servers, 'ntp_servers: [10.20.0.1]\n    dns_servers: [10.20.0.1]').options;
  assert.equal(keyed, undefined);
  assert.deepEqual(valuesOf(subnetOf('', servers).options, 3), ['0a140007']);
});

/** The NTP servers of a network whose configuration names some, and the names. */
function ntpOf(dhcp: string, own: string, known: Readonly<Record<string, readonly Ipv4[]>>) {
  const read = readConfigFile(`${LAB}${own === '' ? '' : `    ${own}\n`}dhcp: { ${dhcp} }\n`);
  const parsed = read.ok ? resolveFile(read.file, {}, (name) => known[name] ?? []) : read;
  if (!parsed.ok) assert.fail(formatProblems('f', parsed.problems));
  const [subnet] = parsed.config.dhcp.subnets;
  const servers = (subnet?.ntpServers ?? []).map(formatIpv4);
  return { servers, option: valuesOf(subnet?.options, 42), names: parsed.config.serverNames };
}

test('NTP servers that have names are offered by the addresses that are known of them', () => {
  const known = { 'ntp.example.net': [ip('192.0.2.1'), ip('192.0.2.2')], 'far.example.net': [ip('192.0.2.2')] };
  const option = 'options: [{ name: ntp-servers, value: [10.20.0.9, NTP.example.net., far.example.net] }]';
  assert.deepEqual(ntpOf(option, '', known), {
    servers: [],
    option: ['0a140009c0000201c0000202'],
    names: ['ntp.example.net', 'far.example.net'],
  });
  assert.deepEqual(ntpOf(option, '', {}).option, ['0a140009']);
  const alone = 'options: [{ code: 42, value: ntp.example.net }, { code: 26, value: 1400 }]';
  assert.deepEqual(ntpOf(alone, '', known).option, ['c0000201c0000202']);
  assert.deepEqual(ntpOf(alone, '', {}).option, []);
  const own = ntpOf(option, 'ntp_servers: [ntp.example.net, 10.20.0.1]', known);
  assert.deepEqual([own.servers, own.option], [['192.0.2.1', '192.0.2.2', '10.20.0.1'], []]);
  const many = Array.from({ length: 40 }, (_, index) => ipv4(0xc0000200 + index));
  assert.equal(ntpOf(alone, '', { 'ntp.example.net': many }).option[0]?.length, 16 * 8);
});

test('a server that is neither an address nor a name is refused, and so are too many names', () => {
  for (const [dhcp, own, said] of [
    [
      'options: [{ code: 42, value: [ntp.example, 10.20.0.300] }]',
      '',
      /options\[0\]\.value\[1\]: expected .* or the name/,
    ],
    ['options: [{ code: 42, value: a_b }]', '', /options\[0\]\.value: expected .* found "a_b"/],
    ['', 'ntp_servers: [a b]', /ntp_servers\[0\]: expected an IPv4 address such as .*, or a name/],
    ['options: [{ code: 41, value: ntp.example }]', '', /options\[0\]\.value: expected an IPv4 address/],
  ] as const)
    assert.match(problemsOf(dhcp, own), said);
  const names = (count: number): string =>
    Array.from({ length: count }, (_, index) => `ntp${index}.example`).join(', ');
  assert.equal(problemsOf(`options: [{ code: 42, value: [${names(64)}] }]`), '');
  assert.match(
    problemsOf(`options: [{ code: 42, value: [${names(65)}] }]`),
    /dhcp\.options: names more than 64 NTP servers/,
  );
});

test('routes without a default route get one through the network’s router', () => {
  const routes = (value: string, router = true): readonly string[] => {
    const parsed = parseConfig(
      `${router ? LAB : LAB.replace('    router_ip: 10.20.0.254\n', '')}    options: [{ code: 121, value: ${value} }]\n`,
    );
    return parsed.ok ? valuesOf(parsed.config.dhcp.subnets[0]?.options, 121) : assert.fail();
  };
  assert.deepEqual(routes('[[10.9.0.0/16, 10.20.0.253]]'), ['100a090a1400fd000a1400fe']);
  assert.deepEqual(routes('[[0.0.0.0/0, 10.20.0.253]]'), ['000a1400fd']);
  assert.deepEqual(routes('[[10.9.0.0/16, 10.20.0.253]]', false), ['100a090a1400fd']);
});

test('iPXE’s options skip the wait for a proxy, unless they set that themselves', () => {
  const ipxe = (value: string): readonly string[] =>
    valuesOf(subnetOf(`options: [{ code: 175, ${value} }]`).options, 175);
  assert.deepEqual(ipxe('value: [{ code: 190, type: text, value: A }]'), ['be0141b00101']);
  assert.deepEqual(ipxe('value: [{ code: 176, type: u8, value: 0 }]'), ['b00100']);
  assert.deepEqual(ipxe('type: hex, value: "be0141"'), ['be0141']);
});

test('a circuit id is text, or bytes as hex digits', () => {
  const circuit = (text: string) =>
    subnetOf(`options: [{ code: 17, value: x, when: { circuit_id: "${text}", architecture: 7 } }]`).options?.byCode.get(
      17,
    );
  assert.deepEqual(circuit('eth0/1*')?.[0]?.when?.circuitId, { text: 'eth0/1', isPrefix: true });
  assert.deepEqual(circuit('0x0004001A')?.[0]?.when?.circuitId, { text: '\0\u0004\0\u001a', isPrefix: false });
  assert.deepEqual(circuit('x')?.[0]?.when?.architectures, [7]);
});

const PROXY = 'mode: proxy\n    options: [{ code: 17, value: a }]';

const REFUSED: readonly (readonly [string, string, string, RegExp])[] = [
  [
    'an unknown name',
    'options: [{ name: ntp-server, value: 10.20.0.9 }]',
    '',
    /f:9: dhcp\.options\[0\]\.name: .*did you mean ntp-servers\?/,
  ],
  [
    'text in another server’s syntax',
    'options: ["ntp-servers 10.20.0.9"]',
    '',
    /dhcp\.options\[0\]: expected an option such as .*docs\/reference\/dhcp-options\.md/,
  ],
  ['neither code nor name', 'options: [{ value: x }]', '', /dhcp\.options\[0\]\.name: missing: add code or name/],
  ['a name and another code', 'options: [{ code: 41, name: ntp-servers, value: x }]', '', /ntp-servers is option 42/],
  [
    'a code without a type',
    'options: [{ code: 224, value: x }]',
    '',
    /\[0\]\.type: missing: option 224 .*one of ip, ip-list/,
  ],
  ['an unknown type', 'options: [{ code: 224, type: string, value: x }]', '', /\[0\]\.type: expected one of ip,/],
  [
    'another type',
    'options: [{ code: 42, type: text, value: x }]',
    '',
    /option 42 \(ntp-servers\) has the type ip-list/,
  ],
  [
    'a value of another type',
    'options: [{ code: 41, value: [10.20.0.9, x] }]',
    '',
    /\[0\]\.value\[1\]: expected an IPv4/,
  ],
  ['no value', 'options: [{ code: 42 }]', '', /dhcp\.options\[0\]\.value: expected IPv4 addresses: .*; found nothing/],
  ['an unknown key', 'options: [{ code: 42, value: 10.20.0.9, wenn: x }]', '', /options\[0\]\.wenn: unknown key/],
  ...[0, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 61, 82, 118, 255].map(
    (code): readonly [string, string, string, RegExp] => [
      `option ${code}`,
      `options: [{ code: ${code}, type: hex, value: "00" }]`,
      '',
      new RegExp(`dhcp\\.options\\[0\\]\\.code: option ${code} cannot be configured: \\w+`),
    ],
  ),
  [
    'a code over 255',
    'options: [{ code: 300, type: hex, value: "00" }]',
    '',
    /300 is not an option; codes are 1 to 254/,
  ],
  [
    'the mask for every network',
    'options: [{ code: 1, value: 255.0.0.0 }]',
    '',
    /option 1 differs from network to network/,
  ],
  [
    'an entry that is never used',
    '',
    'options: [{ code: 17, value: a }, { code: 17, value: b, when: { user_class: x } }]',
    /cluster_interfaces\[0\]\.options\[1\]: is never used: \[0\] gives option 17 to every client/,
  ],
  ['options in proxy mode', '', PROXY, /cluster_interfaces\[0\]\.options: in proxy mode another DHCP server/],
  [
    'an empty condition',
    'options: [{ code: 17, value: a, when: {} }]',
    '',
    /\[0\]\.when: is empty: name hostname, mac, .* or circuit_id/,
  ],
  ['an unknown condition', 'options: [{ code: 17, value: a, when: { vendor: x } }]', '', /when\.vendor: unknown key/],
  [
    'an architecture by name',
    'options: [{ code: 17, value: a, when: { architecture: x64 } }]',
    '',
    /numbers of option 93/,
  ],
  [
    'an option of a host',
    '',
    'hosts: [{ mac: "52:54:00:00:00:01", ip: 10.20.0.5, options: [{ code: 26, value: x }] }]',
    /cluster_interfaces\[0\]\.hosts\[0\]\.options\[0\]\.value: expected a number of two bytes/,
  ],
  ['a global lease of one second', 'lease_time: 1', '', /dhcp\.lease_time: 1 second is outside 30 seconds to one year/],
  ['T1 after T2', 't1: 500, t2: 400', '', /dhcp\.t1: t1 500 must be before t2 400/],
  ['T2 after the end', 't2: 600', '', /dhcp\.t2: t2 600 must be before the end of lease_time 600/],
  ['T1 after the usual T2', '', 't1: 10m', /cluster_interfaces\[0\]\.t1: t1 600 must be before t2 525/],
  ['a maximum below', 'lease_time_max: 60', '', /dhcp\.lease_time_max: lease_time_max 60 is below lease_time 600/],
  ['a minimum above', 'lease_time_min: 1h', '', /dhcp\.lease_time_min: lease_time_min 3600 is above/],
  [
    'a lease above the global maximum',
    'lease_time_max: 1h',
    'lease_time: 2h',
    /\[0\]\.lease_time: lease_time_max 3600 is below/,
  ],
  ['a PXE lease of a second', 'pxe_lease_time: 1', '', /dhcp\.pxe_lease_time: 1 second is outside 10 seconds/],
];

for (const [name, dhcp, own, message] of REFUSED) {
  test(`${name} is refused`, () => assert.match(problemsOf(dhcp, own), message));
}

test('problems of options are reported all at once, even for networks without DHCP', () => {
  const problems = problemsOf(
    'options: [{ name: x, value: 1 }, { code: 42, value: 5 }]',
    'management: 0\n    options: [{ code: 54, value: 10.20.0.1 }]',
  );
  assert.equal(problems.split('\n').length, 3, problems);
});

test('an invalid entry does not hide the problems of the others', () => {
  const problems = problemsOf('options: [text, { name: x, value: 1 }, { code: 42, valeu: 5 }, { code: 26, value: x }]');
  const places = problems.split('\n').map((line) => /^f:9: dhcp\.options(\S+):/.exec(line)?.[1]);
  assert.deepEqual(places, ['[0]', '[1].name', '[2].valeu', '[3].value']);
});

test('a cluster interface inherits the lease times of dhcp, with T1 and T2 scaled to its own lease time', () => {
  const times = (dhcp: string, own = '') => {
    const { leaseTime, pxeLeaseTime, deployedLeaseTime, leaseTimeMin, leaseTimeMax, renewalTime, rebindingTime } =
      subnetOf(dhcp, own);
    return [leaseTime, pxeLeaseTime, deployedLeaseTime, leaseTimeMin, leaseTimeMax, renewalTime, rebindingTime];
  };
  const none = undefined;
  assert.deepEqual(times(''), [600, none, none, none, none, none, none]);
  assert.deepEqual(
    times('lease_time: 1h, pxe_lease_time: 60, deployed_lease_time: 1d, lease_time_min: 60, lease_time_max: 2h'),
    [3600, 60, 86_400, 60, 7200, none, none],
  );
  assert.deepEqual(times('t1: 200, t2: 400', 'lease_time: 1200'), [1200, none, none, none, none, 400, 800]);
  assert.deepEqual(times('t1: 200, t2: 400', 't1: 100'), [600, none, none, none, none, 100, 400]);
});

test('the deepest part of a configuration is read: vendors’ options of a host', () => {
  const vendor = '[{ enterprise: 1, suboptions: [{ code: 1, type: routes, value: [[10.9.0.0/16, 10.20.0.1]] }] }]';
  const hosts = `hosts: [{ mac: "52:54:00:00:00:01", ip: 10.20.0.5, options: [{ code: 125, value: ${vendor} }] }]`;
  assert.deepEqual(valuesOf(subnetOf('', hosts).reservations[0]?.options, 125), ['00000001090107100a090a140001']);
});

test('a relayed network whose clients get name servers by an option needs no dns_servers', () => {
  const far =
    '  - { name: far, relayed: true, network: 10.30.0.0/24, ip_range_low: 10.30.0.9, ip_range_high: 10.30.0.99 }\n';
  assert.match(formatProblems('f', refusedOf(LAB + far)), /dns_servers: missing/);
  assert.ok(parseConfig(`${LAB}${far}dhcp: { options: [{ code: 6, value: 10.20.0.1 }] }\n`).ok);
});

test('the region’s store may own options and lease times, and the message for a mistake names the store', () => {
  const stored = (name: string) => ({ dhcp: { lease_time: '1h', options: [{ name, value: 'Europe/Berlin' }] } });
  const good = parseConfig(LAB, stored('tz-database-timezone'));
  assert.ok(good.ok, JSON.stringify(good));
  const [subnet] = good.config.dhcp.subnets;
  assert.deepEqual([subnet?.leaseTime, valuesOf(subnet?.options, 101)], [3600, ['4575726f70652f4265726c696e']]);
  const bad = parseConfig(LAB, stored('timezone'));
  assert.ok(!bad.ok);
  assert.match(
    formatProblems('f', bad.problems),
    /^the region's store: dhcp\.options\[0\]\.name: "timezone" is not a known option/,
  );
});

test('a changed option is a change of the configuration, shown by its key', () => {
  const compared = (value: string) => {
    const parsed = parseConfig(`${LAB}    options: [{ code: 17, value: ${value} }]\ndhcp: { t1: 200 }\n`);
    return parsed.ok ? parsed : assert.fail();
  };
  const changes = compareConfigs(compared('a'), compared('b'));
  assert.deepEqual(changes.map(formatChange), [
    'cluster_interfaces.lab.options: [{code: 17, value: a}] → [{code: 17, value: b}]',
  ]);
  assert.deepEqual(compareConfigs(compared('a'), compared('"a"')), []);
});
