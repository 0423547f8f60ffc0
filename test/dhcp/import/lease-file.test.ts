import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { FileEntry } from '../../../src/dhcp/import/foreign-lease.ts';
import {
  detectFormat,
  ForeignLeases,
  type LeaseFileFormat,
  readLeaseFile,
} from '../../../src/dhcp/import/lease-file.ts';
import { formatIpv4, formatMac } from '../../../src/ground/address.ts';
import { printedRandom } from '../../support/printed-random.ts';

const FIXTURES = join(import.meta.dirname, '..', '..', '..', 'fixtures', 'leases');
const NOON = Date.UTC(2026, 10, 20, 12);
const SECONDS = NOON / 1000;

/** An entry in one line: address, client, state, grant and end in seconds from noon, then what else is known. */
function lineOf(entry: FileEntry): string {
  if (entry.kind === 'problem') return `${entry.line}: ${entry.problem}: ${entry.text}`;
  const { address, mac, state, grantedWallMs, expiresWallMs, ...rest } = entry.lease;
  const at = (ms: number | undefined, none: string): string => (ms === undefined ? none : String((ms - NOON) / 1000));
  const more = [rest.hostname, rest.clientId, rest.vendorClass, rest.circuitId, rest.remoteId].map((text) =>
    text === undefined ? '-' : JSON.stringify(text),
  );
  const client = mac === undefined ? 'nobody' : formatMac(mac);
  return [formatIpv4(address), client, state, at(grantedWallMs, '?'), at(expiresWallMs, 'never'), ...more].join(' ');
}

const read = (format: LeaseFileFormat, text: string): string[] =>
  Array.from(readLeaseFile(format, text.split('\n'), NOON), lineOf);

const MAC = '52:54:00:12:34:56';
const LEASE = `  starts 5 2026/11/20 11:50:00;\n  ends 5 2026/11/20 12:10:00;\n  hardware ethernet ${MAC};\n`;
const KEA = 'address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context';

const cases: readonly [name: string, format: LeaseFileFormat, text: string, entries: readonly string[]][] = [
  [
    'dhcpd: an active lease with everything',
    'isc',
    `lease 10.0.0.5 {\n${LEASE}  cltt 5 2026/11/20 11:55:00;\n  binding state active;\n  next binding state free;\n` +
      '  uid "\\001RT\\000\\0224V";\n  client-hostname "web; 1";\n  set vendor-class-identifier = "PXEClient:Arch:0";\n' +
      '  option agent.circuit-id "eth0/1";\n  option agent.remote-id 0:1:ff;\n  on expiry { set x = "}"; }\n}',
    [
      `10.0.0.5 ${MAC} bound -300 600 "web; 1" "\\u0001RT\\u0000\\u00124V" "PXEClient:Arch:0" "eth0/1" "\\u0000\\u0001ÿ"`,
    ],
  ],
  [
    'dhcpd: times of day as epoch, and an end that never comes',
    'isc',
    `lease 10.0.0.5 { starts epoch ${SECONDS - 60}; # Fri Nov 20\n ends never; hardware ethernet 0:1:2:3:4:5; }\n` +
      `lease 10.0.0.6 { starts 5 2026/11/20 11:59:00 GMT; ends never; hardware ethernet 0:1:2:3:4:5; }`,
    ['10.0.0.5 00:01:02:03:04:05 bound -60 never - - - - -', '10.0.0.6 00:01:02:03:04:05 bound -60 never - - - - -'],
  ],
  [
    'dhcpd: the last client of a free address is remembered; an address without one is not',
    'isc',
    `lease 10.0.0.5 {\n${LEASE}  binding state free;\n}\nlease 10.0.0.6 { starts 5 2026/11/20 11:50:00; binding state backup; }`,
    [`10.0.0.5 ${MAC} released -600 600 - - - - -`],
  ],
  [
    'dhcpd: an abandoned address is set aside',
    'isc',
    'lease 10.0.0.5 {\n starts 5 2026/11/20 11:50:00;\n ends 6 2026/11/21 11:50:00;\n binding state abandoned;\n}',
    ['10.0.0.5 nobody declined -600 85800 - - - - -'],
  ],
  [
    'dhcpd: other declarations are passed over, reservations and IPv6 reported',
    'isc',
    '# The format of this file is documented in the dhcpd.leases(5) manual page.\nauthoring-byte-order little-endian;\n' +
      'server-duid "\\000\\001";\nfailover peer "a" state {\n my state normal at 4 2024/01/11 10:20:30;\n}\n' +
      `host gate { dynamic; hardware ethernet ${MAC}; fixed-address 10.0.0.9; }\n` +
      'ia-na "x" { iaaddr 2001:db8::1 { ends never; } }\n' +
      `lease 10.0.0.5 {\n${LEASE}}`,
    ['7: reservation: host gate', '8: not-ipv4: ia-na x', `10.0.0.5 ${MAC} bound -600 600 - - - - -`],
  ],
  [
    'dhcpd: an unreadable declaration is reported, and costs none after it',
    'isc',
    `lease 10.0.0.4= {\n${LEASE}}\nlease = 10.0.0.4 {\n${LEASE}}\nlease {\n${LEASE}}\nleas 10.0.0.4 {\n${LEASE}}\nlease 10.0.0.4;\n` +
      `class "a" { dynamic; }\nlease 10.0.0.5 {\n${LEASE}}`,
    [
      '1: malformed: lease 10.0.0.4 =',
      '6: malformed: lease = 10.0.0.4',
      '11: malformed: lease',
      '16: malformed: leas 10.0.0.4',
      '21: malformed: lease 10.0.0.4',
      `10.0.0.5 ${MAC} bound -600 600 - - - - -`,
    ],
  ],
  [
    'dhcpd: a lease without its unreadable identifier still has its client',
    'isc',
    `lease 10.0.0.4 {\n${LEASE}  uid = "x";\n}\nlease 10.0.0.5 {\n${LEASE}  uid nonsense;\n}\nlease 10.0.0.6 {\n${LEASE}  uid;\n}`,
    [
      '5: line-unread: lease 10.0.0.4: uid = x: no identifier',
      `10.0.0.4 ${MAC} bound -600 600 - - - - -`,
      '11: line-unread: lease 10.0.0.5: uid nonsense: no identifier',
      `10.0.0.5 ${MAC} bound -600 600 - - - - -`,
      '17: line-unread: lease 10.0.0.6: uid: no identifier',
      `10.0.0.6 ${MAC} bound -600 600 - - - - -`,
    ],
  ],
  [
    'dhcpd: a lease cut off while being written costs none after it',
    'isc',
    `lease 10.0.0.4 {\n starts 5 2026/11/\nlease 10.0.0.5 {\n${LEASE}}\nlease 10.0.0.6 {\nlease 10.0.0.7 {\n${LEASE}}`,
    [
      '1: malformed: lease 10.0.0.4: it is cut off',
      `10.0.0.5 ${MAC} bound -600 600 - - - - -`,
      '8: malformed: lease 10.0.0.6: it is cut off',
      `10.0.0.7 ${MAC} bound -600 600 - - - - -`,
    ],
  ],
  [
    'dhcpd: stray words before a lease are reported, and the lease is read',
    'isc',
    `stray\nwords\nlease 10.0.0.5 {\n${LEASE}}\n}\nhost gate { dynamic;\nlease 10.0.0.6 {\n${LEASE}}`,
    [
      '1: malformed: stray words',
      `10.0.0.5 ${MAC} bound -600 600 - - - - -`,
      '8: malformed: } ends nothing',
      '9: malformed: host gate: it is cut off',
      '9: reservation: host gate',
      `10.0.0.6 ${MAC} bound -600 600 - - - - -`,
    ],
  ],
  [
    'dhcpd: a broken lease is reported with its line, and the next one is read',
    'isc',
    `lease 10.0.0.300 {\n${LEASE}}\nlease 10.0.0.4 {\n ends 5 2026/13/20 12:10:00;\n}\nlease 10.0.0.3 { uid "open;\n}\n` +
      `lease 10.0.0.2 { hardware token-ring ${MAC}; ends never; }\nlease 10.0.0.1 { hardware ethernet ${MAC}; }\n` +
      `lease 10.0.0.7 { binding state odd; ends never; }\nlease 10.0.0.8 { ends never; }\n` +
      `lease 10.0.0.5 {\n${LEASE}}\nlease 10.0.0.6 {\n${LEASE}`,
    [
      '1: malformed: lease 10.0.0.300: not an IPv4 address',
      '7: line-unread: lease 10.0.0.4: ends 5 2026/13/20 12:10:00: not a date',
      '6: no-client: lease 10.0.0.4',
      '9: line-unread: lease 10.0.0.3: uid: a quoted text does not end',
      '9: no-client: lease 10.0.0.3',
      '11: not-ethernet: lease 10.0.0.2: hardware token-ring',
      '12: malformed: lease 10.0.0.1: it has no end',
      '13: line-unread: lease 10.0.0.7: binding state odd: not a known state',
      '13: no-client: lease 10.0.0.7',
      '14: no-client: lease 10.0.0.8',
      `10.0.0.5 ${MAC} bound -600 600 - - - - -`,
      '20: malformed: lease 10.0.0.6: the file ends in the middle of it',
    ],
  ],
  [
    'dnsmasq: with and without name and identifier, endless, and IPv6 after its line',
    'dnsmasq',
    `${SECONDS + 600} ${MAC} 10.0.0.5 web1 01:52:54:00:12:34:56\n0 ${MAC.replace('56', '57')} 10.0.0.6 * *\n` +
      `duid 00:01:00:01:2c\n${SECONDS} 1234 2001:db8::1 six 00:01\n`,
    [
      `10.0.0.5 ${MAC} bound ? 600 "web1" "\\u0001RT\\u0000\\u00124V" - - -`,
      '10.0.0.6 52:54:00:12:34:57 bound ? never - - - - -',
      `4: not-ipv4: ${SECONDS} 1234 2001:db8::1 six 00:01`,
    ],
  ],
  [
    'dnsmasq: IPv6 without its line, before the leases of IPv4, and a hardware address where the address should be',
    'dnsmasq',
    `${SECONDS} 1234 2001:db8::1 six 00:01\n${SECONDS} T5678 fd00::2 * *\n${SECONDS} ${MAC} ${MAC} * *\n` +
      `${SECONDS} ${MAC} 10.0.0.5 * *\nduid\n${SECONDS} odd`,
    [
      `1: not-ipv4: ${SECONDS} 1234 2001:db8::1 six 00:01`,
      `2: not-ipv4: ${SECONDS} T5678 fd00::2 * *`,
      `3: malformed: ${SECONDS} ${MAC} ${MAC} * *`,
      `10.0.0.5 ${MAC} bound ? 0 - - - - -`,
      `6: not-ipv4: ${SECONDS} odd`,
    ],
  ],
  [
    'dnsmasq: a duration instead of an end, other hardware, and broken lines',
    'dnsmasq',
    `3600 ${MAC} 10.0.0.5 * *\n${SECONDS} 20-00:11 10.0.0.6 * *\nnext ${MAC} 10.0.0.7 * *\n${SECONDS} ${MAC} 10.0.0 * *\n` +
      `${SECONDS} 00-00 10.0.0.8 * 01:${MAC}\n${SECONDS} ff:ff:ff:ff:ff:ff 10.0.0.9 * *`,
    [
      `10.0.0.5 ${MAC} bound ? 3600 - - - - -`,
      `2: not-ethernet: ${SECONDS} 20-00:11 10.0.0.6 * *`,
      `3: malformed: next ${MAC} 10.0.0.7 * *`,
      `4: malformed: ${SECONDS} ${MAC} 10.0.0 * *`,
      `10.0.0.8 ${MAC} bound ? 0 - "\\u0001RT\\u0000\\u00124V" - - -`,
      `6: malformed: ${SECONDS} ff:ff:ff:ff:ff:ff 10.0.0.9 * *`,
    ],
  ],
  [
    'Kea: one row per lease, commas written as numbers, option 82 from extended information',
    'kea',
    `${KEA}\n10.0.0.5,${MAC},01:${MAC},600,${SECONDS + 300},1,0,0,a&#x2cb.example.org.,0,` +
      '{ "ISC": { "relay-agent-info": "0x0104657468300202aabb" }&#x2c "x": 1 }',
    [`10.0.0.5 ${MAC} bound -300 300 "a,b.example.org." "\\u0001RT\\u0000\\u00124V" - "eth0" "ª»"`],
  ],
  [
    'Kea: the nested form of option 82, and a context without it',
    'kea',
    `${KEA},pool_id\n10.0.0.5,${MAC},,600,${SECONDS + 300},1,0,0,,0,` +
      '{ "ISC": { "relay-agent-info": { "sub-options": "0x010178"&#x2c "remote-id": "" } } },0\n' +
      `10.0.0.6,${MAC},,600,${SECONDS + 300},1,0,0,,0,[3`,
    [`10.0.0.5 ${MAC} bound -300 300 - - - "x" -`, `10.0.0.6 ${MAC} bound -300 300 - - - - -`],
  ],
  [
    'Kea: declined, reclaimed, released, endless',
    'kea',
    `${KEA}\n10.0.0.1,,,86400,${SECONDS + 86_400},1,0,0,,1,\n10.0.0.2,${MAC},,600,${SECONDS - 1},1,0,0,,2,\n` +
      `10.0.0.3,${MAC},,0,${SECONDS},1,0,0,,0,\n10.0.0.4,${MAC},,4294967295,${SECONDS},1,0,0,,0,\n10.0.0.7,${MAC},,600,${SECONDS},1,0,0,,3,`,
    [
      '10.0.0.1 nobody declined 0 86400 - - - - -',
      `10.0.0.2 ${MAC} bound -601 -1 - - - - -`,
      `10.0.0.3 ${MAC} released 0 0 - - - - -`,
      `10.0.0.4 ${MAC} bound ? never - - - - -`,
      `10.0.0.7 ${MAC} released -600 0 - - - - -`,
    ],
  ],
  [
    'Kea: columns go by the header; broken rows are reported',
    'kea',
    `address,expire,valid_lifetime,hwaddr\n10.0.0.5,${SECONDS},60,${MAC}\n10.0.0.6,soon,60,${MAC}\n10.0.0.7,${SECONDS},60,\n10.0.0.8,1,60,00:11:22:33:44:55:66:77`,
    [
      `10.0.0.5 ${MAC} bound -60 0 - - - - -`,
      `3: malformed: 10.0.0.6,soon,60,${MAC}`,
      `4: no-client: 10.0.0.7,${SECONDS},60,`,
      '5: not-ethernet: 10.0.0.8,1,60,00:11:22:33:44:55:66:77',
    ],
  ],
  [
    'Kea: a row without a readable address, lease time or state is reported',
    'kea',
    `address,expire,valid_lifetime,hwaddr,state\n10.0.0.300,${SECONDS},60,${MAC},0\n10.0.0.6,${SECONDS},-1,${MAC},0\n10.0.0.7,${SECONDS},60,${MAC},9`,
    [
      `2: malformed: 10.0.0.300,${SECONDS},60,${MAC},0`,
      `3: malformed: 10.0.0.6,${SECONDS},-1,${MAC},0`,
      `4: malformed: 10.0.0.7,${SECONDS},60,${MAC},9`,
    ],
  ],
  [
    'Kea: a row cut off while being written means nothing, least of all its end',
    'kea',
    `${KEA}\n10.0.0.5,${MAC},,60,${SECONDS},1,0,0,,0,\n10.0.0.5,${MAC},,60,179`,
    [`10.0.0.5 ${MAC} bound -60 0 - - - - -`, `3: malformed: 10.0.0.5,${MAC},,60,179`],
  ],
  [
    'dnsmasq: a line that ends in its address may have been cut off there',
    'dnsmasq',
    `${SECONDS} ${MAC} 10.0.0.10 * *\n${SECONDS} ${MAC} 10.0.0.1`,
    [`10.0.0.10 ${MAC} bound ? 0 - - - - -`, `2: malformed: ${SECONDS} ${MAC} 10.0.0.1`],
  ],
  [
    'Kea: rows before the header, or below an unusable one, cost none below the next',
    'kea',
    `odd,${MAC}\n${KEA}\n10.0.0.5,${MAC},,60,${SECONDS},1,0,0,,0,\naddress,duid,valid_lifetime,expire\n2001:db8::1,00:01,60,${SECONDS}\n` +
      `address,hwaddr\n10.0.0.6,${MAC}\n${KEA}\n10.0.0.7,${MAC},,60,${SECONDS},1,0,0,,0,`,
    [
      `1: malformed: odd,${MAC}`,
      `10.0.0.5 ${MAC} bound -60 0 - - - - -`,
      '4: file-of-ipv6: address,duid,valid_lifetime,expire',
      `5: not-ipv4: 2001:db8::1,00:01,60,${SECONDS}`,
      '6: malformed: address,hwaddr',
      `7: malformed: 10.0.0.6,${MAC}`,
      `10.0.0.7 ${MAC} bound -60 0 - - - - -`,
    ],
  ],
  [
    'JSON: what is no lease in a list of leases is reported by its number',
    'json',
    `{"leases":[{"ip-address":"10.20.0.201","broken":true}],"b":[{"ip-address":"10.0.0.5","hw-address":"${MAC}","cltt":${SECONDS},"valid-lft":60},null]}`,
    [
      '1: malformed: {"ip-address":"10.20.0.201","broken":true}',
      `10.0.0.5 ${MAC} bound 0 60 - - - - -`,
      '3: malformed: null',
    ],
  ],
  [
    'JSON: the leases of networkd, one of them broken',
    'json',
    `{"Address":[10,0,0,1],"Leases":[{"Address":"bad"},{"Address":[10,0,0,5],"ClientId":[1,82,84,0,18,52,86],"ExpirationRealtimeUSec":${NOON}000}]}`,
    ['1: malformed: {"Address":"bad"}', `10.0.0.5 ${MAC} bound ? 0 - "\\u0001RT\\u0000\\u00124V" - - -`],
  ],
  [
    'JSON: the status of a network of libvirt',
    'json',
    `[{"ip-address":"10.0.0.5","mac-address":"${MAC}","hostname":"web1","client-id":"01:${MAC}","expiry-time":${SECONDS + 60}},` +
      `{"ip-address":"10.0.0.6","mac-address":"${MAC}","expiry-time":0},{"ip-address":"fd00::6","mac-address":"${MAC}","iaid":"1","expiry-time":1},` +
      `{"ip-address":"10.0.0.300","mac-address":"${MAC}","expiry-time":1}]`,
    [
      `10.0.0.5 ${MAC} bound ? 60 "web1" "\\u0001RT\\u0000\\u00124V" - - -`,
      `10.0.0.6 ${MAC} bound ? never - - - - -`,
      `3: not-ipv4: {"ip-address":"fd00::6","mac-address":"${MAC}","iaid":"1","expiry-time":1}`,
      `4: malformed: {"ip-address":"10.0.0.300","mac-address":"${MAC}","expiry-time":1}`,
    ],
  ],
  [
    'Kea: the file with IPv6 leases is recognised',
    'kea',
    'address,duid,valid_lifetime,expire',
    ['1: file-of-ipv6: address,duid,valid_lifetime,expire'],
  ],
];
for (const [name, format, text, entries] of cases) {
  test(name, () => assert.deepEqual(read(format, text), entries));
}

const ENDLESS = ['10.89.0.100', '10.89.0.133'];
const fixtures: readonly [file: string, format: LeaseFileFormat, replaced: number, leases: readonly string[]][] = [
  [
    'kea-leases4.csv',
    'kea',
    3,
    [
      '10.88.0.100 52:54:00:fa:00:01 bound 3600 "web1" "\\u0001RT\\u0000ú\\u0000\\u0001" - - -',
      '10.88.0.101 52:54:00:fa:00:02 bound 3600 "pc-two." "\\u0001RT\\u0000ú\\u0000\\u0002" - - -',
      '10.88.0.102 52:54:00:fa:00:03 released 0 "back" "\\u0001RT\\u0000ú\\u0000\\u0003" - - -',
      '10.88.0.103 52:54:00:fa:00:04 bound 3600 "quoteandbrace" "\\u0000text id" - - -',
      '10.88.0.104 nobody declined 86400 - - - - -',
      '10.88.0.105 52:54:00:fa:00:06 bound 3600 "tablet" "\\u0001RT\\u0000ú\\u0000\\u0006" - - -',
      '10.89.0.100 52:54:00:fa:00:07 bound never "far" "\\u0001RT\\u0000ú\\u0000\\u0007" - "r0" -',
    ],
  ],
  [
    'dhcpd.leases',
    'isc',
    2,
    [
      '10.88.0.100 52:54:00:fa:00:01 bound 3600 "web1" "\\u0001RT\\u0000ú\\u0000\\u0001" "udhcp 1.35.0" - -',
      '10.88.0.101 52:54:00:fa:00:02 bound 3600 - "\\u0001RT\\u0000ú\\u0000\\u0002" "PXEClient:Arch:00007:UNDI:003016" - -',
      '10.88.0.102 52:54:00:fa:00:03 released 3 - "\\u0001RT\\u0000ú\\u0000\\u0003" - - -',
      '10.88.0.103 52:54:00:fa:00:04 bound 3600 - "\\u0000text id" - - -',
      '10.88.0.104 nobody declined 86400 - - - - -',
      '10.88.0.105 52:54:00:fa:00:06 bound 3600 "tablet" "\\u0001RT\\u0000ú\\u0000\\u0006" - - -',
      '10.89.0.100 52:54:00:fa:00:07 bound never "far" "\\u0001RT\\u0000ú\\u0000\\u0007" "udhcp 1.35.0" "r0" -',
    ],
  ],
  [
    'dnsmasq.leases',
    'dnsmasq',
    0,
    [
      '10.89.0.133 52:54:00:fa:00:07 bound never "far" "\\u0001RT\\u0000ú\\u0000\\u0007" - - -',
      '10.88.0.105 52:54:00:fa:00:06 bound ? "tablet" "\\u0001RT\\u0000ú\\u0000\\u0006" - - -',
      '10.88.0.130 52:54:00:fa:00:04 bound ? - "\\u0000text id" - - -',
      '10.88.0.128 52:54:00:fa:00:02 bound ? "pc-two" "\\u0001RT\\u0000ú\\u0000\\u0002" - - -',
      '10.88.0.127 52:54:00:fa:00:01 bound ? "web1" "\\u0001RT\\u0000ú\\u0000\\u0001" - - -',
    ],
  ],
];
for (const [file, format, replaced, wanted] of fixtures) {
  test(`the file of a real server is read whole: ${file}`, () => {
    const lines = readFileSync(join(FIXTURES, file), 'latin1').split('\n');
    assert.deepEqual(detectFormat(lines), { kind: 'format', format });
    const leases = new ForeignLeases();
    for (const entry of readLeaseFile(format, lines, NOON)) {
      assert.ok(entry.kind === 'lease', lineOf(entry));
      leases.add(entry.lease);
    }
    assert.equal(leases.replaced, replaced);
    const found = Array.from(leases.values(), (lease) => {
      const { grantedWallMs: granted, expiresWallMs: ends } = lease;
      assert.ok(ends === undefined || (ends > Date.UTC(2026, 10, 20, 20) && ends < Date.UTC(2026, 10, 22)));
      assert.equal(ends === undefined, ENDLESS.includes(formatIpv4(lease.address)));
      const span = ends === undefined ? 'never' : granted === undefined ? '?' : String((ends - granted) / 1000);
      const words = lineOf({ kind: 'lease', lease }).split(' ');
      return [...words.slice(0, 3), span, ...words.slice(5)].join(' ');
    });
    assert.deepEqual(found, wanted);
  });
}

const shapes: readonly [file: string, format: LeaseFileFormat, entries: readonly string[]][] = [
  [
    'openbsd.leases',
    'isc',
    [
      '10.88.0.100 52:54:00:fa:00:01 bound 31978 35578 "web1" "\\u0001RT\\u0000ú\\u0000\\u0001" - - -',
      '10.88.0.101 52:54:00:fa:00:02 bound 31979 35579 - - - - -',
      '10.88.0.104 52:54:00:fa:00:05 declined 31987 never "mail.example.org" - - - -',
    ],
  ],
  [
    'dhcpd-local-times.leases',
    'isc',
    [
      '13: line-unread: lease 10.88.0.100: site-note rack 4',
      '15: line-unread: lease 10.88.0.100: client-hostname: a quoted text does not end',
      '10.88.0.100 52:54:00:fa:00:01 bound 31978 35578 - - - - -',
      '17: malformed: pool spare',
      '23: line-unread: lease 10.88.0.101: cltt yesterday: not a date',
      '10.88.0.101 52:54:00:fa:00:02 bound ? 35579 - - - - -',
    ],
  ],
  [
    'kea-lease4-get-all.json',
    'json',
    [
      '10.88.0.100 52:54:00:fa:00:01 bound 31978 35578 "web1" "\\u0001RT\\u0000ú\\u0000\\u0001" - - -',
      '10.88.0.104 nobody declined 31984 118384 - - - - -',
      '10.89.0.100 52:54:00:fa:00:07 bound 31990 never "far" - - "r0" -',
    ],
  ],
  [
    'networkd-br0.json',
    'json',
    [
      '10.88.0.100 52:54:00:fa:00:01 bound ? 35578 "web1" "\\u0001RT\\u0000ú\\u0000\\u0001" - - -',
      '10.88.0.101 52:54:00:fa:00:02 bound ? 35579 - "\\u0001RT\\u0000ú\\u0000\\u0002" - - -',
      '3: reservation: {"ClientId":[1,82,84,0,250,0,9],"Address":[10,88,0,9]}',
    ],
  ],
  [
    'ubus-ipv4leases.json',
    'json',
    [
      '10.88.0.100 52:54:00:fa:00:01 bound ? 3178 "web1" - - - -',
      '10.88.0.107 52:54:00:fa:00:07 bound ? never - - - - -',
    ],
  ],
  [
    'adguard-leases.json',
    'json',
    [
      '10.88.0.100 52:54:00:fa:00:01 bound ? 35578 "web1" - - - -',
      '2: reservation: {"expires":"","ip":"10.88.0.9","hostname":"gate","mac":"52:54:00:fa:00:09","static":true}',
      '3: not-ipv4: {"expires":"2026-11-20T22:52:58+01:00","ip":"2001:db8::1","hostname":"six","mac":"52:54:00:fa:00:01","static":false}',
    ],
  ],
  [
    'odhcpd.leases',
    'odhcpd',
    [
      '10.88.0.100 52:54:00:fa:00:01 bound ? 35578 "web1" - - - -',
      '10.88.0.101 52:54:00:fa:00:02 bound ? 35579 - - - - -',
      '10.88.0.107 52:54:00:fa:00:07 bound ? never - - - - -',
      '5: not-ipv4: # br-lan 00010001deadbeef 1a six 1795211578 64 128 fd00::64/128',
    ],
  ],
  [
    'routeros-print-detail.txt',
    'routeros',
    [
      '3: reservation: 10.88.0.9 52:54:00:FA:00:09',
      '10.88.0.100 52:54:00:fa:00:01 bound ? 3238 "web 1" "\\u0001RT\\u0000ú\\u0000\\u0001" - - -',
      '10.88.0.101 52:54:00:fa:00:02 bound ? 93600 - - - - -',
    ],
  ],
  ['routeros-export.rsc', 'routeros', ['7: reservation: 10.88.0.9 52:54:00:FA:00:09']],
];
for (const [file, format, entries] of shapes) {
  test(`the shape of another server is recognised and read: ${file}`, () => {
    const text = readFileSync(join(FIXTURES, file), 'latin1');
    assert.deepEqual(detectFormat(text.split('\n')), { kind: 'format', format });
    assert.deepEqual(read(format, text), entries);
  });
}

test('the first lines of a file reveal its format, or what else it is', () => {
  const detected = (text: string): string => {
    const found = detectFormat(text.split('\n'));
    return found.kind === 'format' ? found.format : found.name;
  };
  assert.equal(detected(KEA), 'kea');
  assert.equal(detected('\n# comment\nlease 10.0.0.1 {'), 'isc');
  assert.equal(detected('# The format of this file is documented in the dhcpd.leases(5) manual page.'), 'isc');
  assert.equal(detected(`an odd line\n${SECONDS} ${MAC} 10.0.0.5 * *`), 'dnsmasq');
  assert.equal(detected('duid 00:01:00:01'), 'dnsmasq');
  const others: readonly [text: string, name: RegExp][] = [
    ['', /empty/],
    ['hello', /no format that is read here; it begins with "hello"/],
    ['\x1f\x8b\x08', /compressed/],
    ['SQLite format 3\0', /SQLite/],
    ['{ "Dhcp4": { "subnet4": [] } }', /Kea's configuration/],
    ['lease {\n  interface "eth0";\n  fixed-address 10.0.0.5;', /dhclient/],
    ['# This is private data. Do not parse.\nADDRESS=10.0.0.5', /networkd/],
    ['default-lease-time 600;\nsubnet 10.0.0.0 netmask 255.255.255.0 {\n}\nhost a { }', /dhcpd's configuration/],
    ['interface=eth0\ndhcp-range=10.0.0.100,10.0.0.200\n', /dnsmasq's configuration/],
    [' #   ADDRESS          MAC-ADDRESS       HOST-NAME', /RouterOS's table/],
    ['"IPAddress","ScopeId","ClientId","HostName"', /Windows/],
    ['Bindings from all pools not associated with VRF:', /Cisco/],
    ['<!DOCTYPE html>', /web page/],
    ['<?xml version="1.0"?>\n<plist version="1.0">', /bootpd's configuration/],
    ['{\n\tname=a\n\tip_address=10.0.0.5\n\thw_address=1,52:54:0:12:34:56\n}', /bootpd's leases/],
    ['{"total":1,"rowCount":1,"rows":[{"address":"10.0.0.5"}]}', /OPNsense/],
    ['{"leases":[{"expires":1,"name":"a","hwaddr":"","ip":"10.0.0.5","clientid":"*"}],"took":0.1}', /Pi-hole/],
  ];
  for (const [text, name] of others) assert.match(detected(text), name);
});

test('a later entry of an address replaces the earlier', () => {
  const leases = new ForeignLeases();
  const text = [KEA, ...[60, 120].map((end) => `10.0.0.5,${MAC},,60,${SECONDS + end},1,0,0,,0,`)];
  for (const entry of readLeaseFile('kea', text, NOON)) if (entry.kind === 'lease') leases.add(entry.lease);
  assert.equal(leases.replaced, 1);
  assert.deepEqual(
    Array.from(leases.values(), ({ expiresWallMs }) => expiresWallMs),
    [NOON + 120_000],
  );
});

test('whatever bytes a file holds, its reader ends and reports no more entries than it has lines', () => {
  const random = printedRandom('lease-files');
  for (let round = 0; round < 3000; round += 1) {
    const [, format, text] = cases[random(cases.length)] ?? ['', 'isc', ''];
    const bytes = Buffer.from(text, 'latin1');
    for (let change = random(8); change >= 0; change -= 1) {
      const kind = random(3);
      if (kind === 0) bytes[random(bytes.length)] = random(256);
      else if (kind === 1) bytes.copyWithin(random(bytes.length), random(bytes.length));
      else bytes.fill('{};"\\,\n'.charAt(random(7)), random(bytes.length), random(bytes.length));
    }
    const lines = bytes
      .subarray(0, random(bytes.length + 1))
      .toString('latin1')
      .split('\n');
    const entries = [...readLeaseFile(format, lines, NOON)];
    assert.ok(entries.length <= bytes.length, `${format} ${JSON.stringify(lines)}`);
  }
});

test('a document of JSON that nests without end, or is larger than is read, is refused before it is parsed', () => {
  const long = function* () {
    for (;;) yield ' '.repeat(1_000_000);
  };
  for (const lines of [['['.repeat(20_000_000)], long()]) {
    const [entry, ...more] = [...readLeaseFile('json', lines, 0)];
    assert.deepEqual([entry?.kind, more.length], ['problem', 0]);
  }
});
