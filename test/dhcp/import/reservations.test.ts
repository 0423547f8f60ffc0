// Reservations in the configuration of other DHCP servers, as their manuals write them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { detectReservations, readReservations } from '../../../src/dhcp/import/reservations.ts';
import { formatIpv4 } from '../../../src/net/address.ts';

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
        { "client-id": "ff:aa:bb:cc", "ip-address": "10.20.0.22", "hostname": "a//b" },
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
        { client_id: 'ff:aa:bb:cc', ip: '10.20.0.22' },
        { duid: '00:03:00:01:52:54:00:aa:00:02', ip: '10.20.0.21' },
      ],
      left: 1,
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
