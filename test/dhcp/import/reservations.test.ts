// Reservations in the configuration of other DHCP servers, as their manuals write them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { detectReservations, readReservations } from '../../../src/dhcp/import/reservations.ts';
import { formatIpv4 } from '../../../src/ground/address.ts';

const DNSMASQ = `
# dhcp-host=52:54:00:00:00:99,10.20.0.99
interface=lan0
dhcp-range=set:a,10.20.0.100,10.20.0.150,255.255.255.0,12h
dhcp-leasefile=/var/lib/misc/other.leases
dhcp-host=52:54:00:AA:00:01,10.20.0.20,printer,infinite
dhcp-host=1-52:54:00:aa:00:02,set:red,nas.example,10.20.0.21,45m   # the nas
dhcp-host=id:ff:aa:bb:cc,10.20.0.22
dhcp-host=52:54:00:aa:*:*,10.20.0.23
dhcp-host=52:54:00:aa:00:03,52:54:00:aa:00:04,10.20.0.24
dhcp-host=52:54:00:aa:00:05,ignore
dhcp-host=52:54:00:aa:00:07,10.20.0.27,ignore
dhcp-host=laptop,10.20.0.25
dhcp-host=52:54:00:aa:00:06,[fd00::6]
conf-dir=/etc/dnsmasq.d,*.conf
`;
const ISC = `
option domain-name "example.org";
include "/etc/dhcp/more.conf";
lease-file-name "/srv/dhcpd.leases";
subnet 10.20.0.0 netmask 255.255.255.0 {
  range 10.20.0.100 10.20.0.150;
  group {
    host printer { hardware ethernet 52:54:0:aa:0:1; fixed-address 10.20.0.20; }
    host by-id { option dhcp-client-identifier ff:aa:bb:cc; fixed-address 10.20.0.22; option host-name "NAS"; }
    # host gone { hardware ethernet 52:54:00:aa:00:09; fixed-address 10.20.0.29; }
    host by-name { hardware ethernet 52:54:00:aa:00:03; fixed-address printer.example.org; }
  }
}
`;
const KEA = `
{ // a comment
  "Dhcp4": {
    "lease-database": { "type": "memfile", "name": "/srv/kea.csv" }, # another
    "reservations": [ { "hw-address": "52:54:00:aa:00:01", "ip-address": "10.20.0.20", "hostname": "printer" } ],
    /* and
       more */
    "subnet4": [ { "id": 1, "subnet": "10.20.0.0/24", "pools": [ { "pool": "10.20.0.100 - 10.20.0.150" } ],
      "reservations": [
        { "client-id": "ff:aa:bb:cc", "ip-address": "10.20.0.22", "hostname": "nas-2.a" },
        { "circuit-id": "'port'", "ip-address": "10.20.0.23" }
      ] } ],
    "shared-networks": [ { "name": "x", "subnet4": [ { "reservations": [ { "duid": "00:03:00:01:52:54:00:aa:00:02", "ip-address": "10.20.0.21" } ] } ] } ],
    <?include "/etc/kea/more.json"?>
  }
}
`;
const NETWORKD = `
[Match]
Name=lan0
[Network]
DHCPServer=yes
[DHCPServerStaticLease]
MACAddress=52:54:00:aa:00:01
Address=10.20.0.20
[DHCPServerStaticLease]
MACAddress=52:54:00:aa:00:02
`;

const PRINTER = { mac: '52:54:00:aa:00:01', ip: '10.20.0.20', hostname: 'printer' };
for (const [format, text, wanted] of [
  [
    'dnsmasq',
    DNSMASQ,
    {
      reservations: [
        PRINTER,
        { mac: '52:54:00:aa:00:02', ip: '10.20.0.21', hostname: 'nas' },
        { client_id: 'ff:aa:bb:cc', ip: '10.20.0.22' },
      ],
      left: 6,
      includes: ['/etc/dnsmasq.d'],
      ranges: ['10.20.0.100-10.20.0.150'],
      leaseFile: '/var/lib/misc/other.leases',
    },
  ],
  [
    'isc',
    ISC,
    {
      reservations: [PRINTER, { client_id: 'ff:aa:bb:cc', ip: '10.20.0.22', hostname: 'nas' }],
      left: 1,
      includes: ['/etc/dhcp/more.conf'],
      ranges: ['10.20.0.100-10.20.0.150'],
      leaseFile: '/srv/dhcpd.leases',
    },
  ],
  [
    'kea',
    KEA,
    {
      reservations: [
        PRINTER,
        { client_id: 'ff:aa:bb:cc', ip: '10.20.0.22', hostname: 'nas-2' },
        { circuit_id: 'port', ip: '10.20.0.23' },
        { duid: '00:03:00:01:52:54:00:aa:00:02', ip: '10.20.0.21' },
      ],
      left: 0,
      includes: ['/etc/kea/more.json'],
      ranges: ['10.20.0.100-10.20.0.150'],
      leaseFile: '/srv/kea.csv',
    },
  ],
  [
    'networkd',
    NETWORKD,
    { reservations: [{ mac: PRINTER.mac, ip: PRINTER.ip }], left: 1, includes: [], ranges: [], leaseFile: undefined },
  ],
] as const)
  test(`the reservations of ${format} are those that name one client and one address`, () => {
    assert.equal(detectReservations(text), format);
    const { reservations, left, includes, ranges, leaseFile } = readReservations(format, text);
    assert.deepEqual(
      {
        reservations: reservations.toSorted(
          (a, b) =>
            wanted.reservations.findIndex((one) => one.ip === a.ip) -
            wanted.reservations.findIndex((one) => one.ip === b.ip),
        ),
        left: left.length,
        includes,
        ranges: ranges.map(({ low, high }) => `${formatIpv4(low)}-${formatIpv4(high)}`),
        leaseFile,
      },
      wanted,
    );
  });

test('what is no configuration, or is cut off anywhere, throws nothing', () => {
  for (const text of [DNSMASQ, ISC, KEA, NETWORKD])
    for (let end = 0; end < text.length; end += 7)
      for (const format of ['dnsmasq', 'isc', 'kea', 'networkd'] as const) readReservations(format, text.slice(0, end));
  assert.equal(detectReservations('hello'), undefined);
});

test('a host of ISC within which the file ends is named, those before it are taken', () => {
  const host = (name: string): string => `host ${name} { hardware ethernet 2:2:3:4:5:6; fixed-address 10.20.0.64; }`;
  const named = (text: string) => {
    const { reservations, left } = readReservations('isc', text);
    return [reservations.length, ...left.map(({ line, text: what, reason }) => `${line} ${what}: ${reason}`)];
  };
  assert.deepEqual(named(host('a')), [1]);
  assert.deepEqual(named(`group {\n${host('a')}\n`), [1], 'the end of a group says nothing of a host');
  for (const cut of ['host b', 'host b {', 'host b { hardware ethernet 2:2:3:4:5:7;', host('b').slice(0, -1)])
    assert.deepEqual(named(`${host('a')}\n${cut}`), [1, '2 host b: the file ends within it'], cut);
});

const idHost = (option: string) => `host a { ${option}; fixed-address 10.20.0.64; }`;
const keaHost = (key: string, value: string) =>
  `{ "Dhcp4": { "reservations": [ { "${key}": "${value}", "ip-address": "10.20.0.64" } ] } }`;
/** The identifier as `hosts` writes it; empty: it is refused. */
const IDENTIFIERS: readonly (readonly [text: string, written: Readonly<Record<string, string>>])[] = [
  [keaHost('client-id', '01:aa:bb:cc:00:02:03'), { client_id: '01:aa:bb:cc:00:02:03' }],
  [keaHost('client-id', '1:aa:b:c:0:2:3'), { client_id: '01:aa:0b:0c:00:02:03' }],
  [keaHost('client-id', '01 aa bb 0c'), { client_id: '01:aa:bb:0c' }],
  [keaHost('client-id', '01AABBCC000204'), { client_id: '01:aa:bb:cc:00:02:04' }],
  [keaHost('client-id', '1aabbcc000204'), { client_id: '01:aa:bb:cc:00:02:04' }],
  [keaHost('client-id', '0x01aabbcc000205'), { client_id: '01:aa:bb:cc:00:02:05' }],
  [keaHost('client-id', "'printer'"), { client_id: 'printer' }],
  [keaHost('client-id', "'01:aa'"), { client_id: '30:31:3a:61:61' }],
  [keaHost('client-id', "'a b'"), { client_id: '61:20:62' }],
  [keaHost('client-id', 'printer'), {}],
  [keaHost('client-id', "''"), {}],
  [keaHost('client-id', '01::02'), {}],
  [keaHost('client-id', '01'), {}],
  [keaHost('duid', '0003000152540012'), { duid: '00:03:00:01:52:54:00:12' }],
  [keaHost('hw-address', '1a1b1c1d1e1f'), { mac: '1a:1b:1c:1d:1e:1f' }],
  [keaHost('hw-address', '01:02:03:04:05:06:07:08'), {}],
  [keaHost('circuit-id', "'port7'"), { circuit_id: 'port7' }],
  [keaHost('circuit-id', '0004001a'), { circuit_id: '0x0004001a' }],
  [keaHost('circuit-id', "'0x7'"), { circuit_id: '0x307837' }],
  [keaHost('flex-id', "'port7'"), {}],
  [`[ { "result": 0, "arguments": ${keaHost('client-id', '01AABB')} } ]`, { client_id: '01:aa:bb' }],
  [idHost('option dhcp-client-identifier 0:70:78:65'), { client_id: '00:70:78:65' }],
  [idHost('option dhcp-client-identifier 1:aa:bb:c:0:3:9'), { client_id: '01:aa:bb:0c:00:03:09' }],
  [idHost('option dhcp-client-identifier "pxe"'), { client_id: 'pxe' }],
  [idHost('option dhcp-client-identifier "\\000pxe"'), { client_id: '00:70:78:65' }],
  [idHost('option dhcp-client-identifier "01:aa"'), { client_id: '30:31:3a:61:61' }],
  [idHost('OPTION DHCP-client-identifier = "pxe"'), { client_id: 'pxe' }],
  [idHost('option dhcp-client-identifier = concat("a", "b")'), {}],
  [idHost('option dhcp-client-identifier pxe'), {}],
  [idHost('host-identifier option agent.circuit-id "ether1/1"'), { circuit_id: 'ether1/1' }],
  [idHost('host-identifier option agent.remote-id 0:6:52'), { remote_id: '0x000652' }],
  [idHost('host-identifier option host-name "x"'), {}],
  [
    idHost('hardware ethernet 2:2:3:4:5:6; option dhcp-client-identifier 1:2:3'),
    { mac: '02:02:03:04:05:06', client_id: '01:02:03' },
  ],
  ['dhcp-host=id:1:aa:b,10.20.0.64', { client_id: '01:aa:0b' }],
  ['dhcp-host=id:printer,10.20.0.64', { client_id: 'printer' }],
  ['dhcp-host=id:zz:1,10.20.0.64', {}],
];
for (const [text, written] of IDENTIFIERS)
  test(`${text} names ${JSON.stringify(written)}`, () => {
    const { reservations, left } = readReservations(detectReservations(text) ?? 'isc', text);
    const [{ ip, hostname, ...client } = { ip: '', hostname: undefined }] = reservations;
    const isTaken = Object.keys(written).length > 0;
    assert.deepEqual([client, ip, left.length], isTaken ? [written, '10.20.0.64', 0] : [{}, '', 1], hostname);
    if (!isTaken) assert.notEqual(left[0]?.reason, '');
  });

test('what a reservation has beyond its client, its address and its name is named; what config-get writes without a value is not', () => {
  const kea = JSON.stringify({
    Dhcp4: {
      reservations: [
        {
          'client-id': '01aabbcc000204',
          'ip-address': '10.20.0.234',
          hostname: 'SRV_8',
          'next-server': '10.20.0.9',
          'boot-file-name': 'ipxe.efi',
        },
        {
          'boot-file-name': '',
          'client-classes': [],
          hostname: '',
          'hw-address': 'aa:bb:cc:00:02:08',
          'ip-address': '10.20.0.238',
          'next-server': '0.0.0.0',
          'option-data': [],
          'server-hostname': '',
        },
      ],
    },
  });
  const reasons = (format: Parameters<typeof readReservations>[0], text: string) =>
    readReservations(format, text).without.map(({ reason }) => reason);
  assert.deepEqual(reasons('kea', kea), [
    'the name SRV_8, which is no host name, next-server 10.20.0.9, boot-file-name ipxe.efi',
  ]);
  assert.deepEqual(reasons('isc', idHost('hardware ethernet 2:2:3:4:5:6; filename "x"; option routers 10.20.0.1')), [
    'filename x, option routers 10.20.0.1',
  ]);
  assert.deepEqual(reasons('dnsmasq', 'dhcp-host=52:54:00:aa:00:02,set:red,nas.example,10.20.0.21,45m'), [
    'the domain of the name nas.example, set:red, 45m',
  ]);
  assert.deepEqual(reasons('networkd', `${NETWORKD.replace('Address=10.20.0.20', 'Address=10.20.0.20\nX=1')}`), [
    'X=1',
  ]);
});

test('routers and domains are those that the servers name to their clients', () => {
  const of = (format: Parameters<typeof readReservations>[0], text: string) => {
    const { routers, domains } = readReservations(format, text);
    return [...routers.map(formatIpv4), ...domains];
  };
  const wanted = ['10.20.0.254', 'lan.example'];
  assert.deepEqual(of('dnsmasq', 'dhcp-option=tag:a,3,10.20.0.254\ndomain=lan.example,10.20.0.0/24'), wanted);
  assert.deepEqual(of('dnsmasq', 'dhcp-option=option:router,10.20.0.254\ndhcp-option=15,lan.example'), wanted);
  assert.deepEqual(of('dnsmasq', 'dhcp-option=3\ndhcp-option=6,10.20.0.3'), []);
  assert.deepEqual(of('isc', 'option routers 10.20.0.254; option domain-name "lan.example";'), wanted);
  const data = '[ { "name": "routers", "data": "10.20.0.254" }, { "code": 15, "data": "lan.example" } ]';
  assert.deepEqual(of('kea', `{ "Dhcp4": { "option-data": ${data} } }`), wanted);
});

test('a configuration of Kea that nests without end is refused before it is parsed', () => {
  for (const text of ['['.repeat(1_000_000), `{"Dhcp4":${'{"a":'.repeat(100_000)}`])
    assert.equal(readReservations('kea', text).left[0]?.reason, 'it is not JSON');
});
