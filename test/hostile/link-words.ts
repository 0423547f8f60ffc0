// Requests of racks on their link, and the reports of machines, as bytes of a request or as a form.

import { systemClock } from '../../src/clock.ts';
import { formatMac, mac } from '../../src/net/address.ts';
import { INTERFACES_MAX } from '../../src/region/identity/interface-source.ts';
import { ENTRIES_MAX } from '../../src/region/racks/rack-news.ts';
import { RESERVATIONS_REPORTED_MAX } from '../../src/region/records/rack-description.ts';
import {
  batchOf,
  heartbeatOf,
  postEntry,
  RACK_KEY_SECRET,
  RACK_TOKEN,
  RACK_UUID,
  rackAuthorization,
  rackInterface,
  reportEntry,
} from '../region/racks/rack-place.ts';

const REPORTS = 100;

/** The holder of a key sends all of these in turn, mostly events. */
export const LINK_SAYS = ['changes', 'events', 'heartbeat', 'events', 'state', 'events'] as const;

function bodyOf(what: (typeof LINK_SAYS)[number], turn: number): object {
  if (what === 'heartbeat') return heartbeatOf();
  const sequences = Array.from({ length: REPORTS }, (_, index) => turn * REPORTS + index);
  return batchOf(sequences.map((sequence) => reportEntry(sequence, `lie ${sequence}`, { kind: 'dhcp.ack' })));
}

/** The largest batch of machines that do not exist, each with the most cards, that a rack claims were reported to it. */
export function manyMachines(turn: number): object {
  const macs = (from: number): string =>
    Array.from({ length: INTERFACES_MAX }, (_, index) => formatMac(mac(0x0600_0000_0000 + from + index))).join(',');
  const entries = Array.from({ length: ENTRIES_MAX }, (_, index) => {
    const sequence = turn * ENTRIES_MAX + index;
    const form = new URLSearchParams({ architecture: 'amd64', mac_addresses: macs(sequence * INTERFACES_MAX) });
    const body = Buffer.from(form.toString()).toString('base64');
    return postEntry(sequence, '', { body, peer: `10.50.0.${1 + (index % 250)}` });
  });
  return batchOf(entries);
}

const pathOf = (what: string): string => `/MAAS/uplink/1/racks/${RACK_UUID}/${what}`;
const fieldsOf = (host: string, secret: string): readonly string[] => [
  `Host: ${host}`,
  `Authorization: ${rackAuthorization(RACK_TOKEN, secret)}`,
];

/** @param turn by which the numbers of reports grow @param said replaces the usual report */
export function linkRequest(host: string, what: (typeof LINK_SAYS)[number], turn: number, said?: object): string {
  const isAsking = what === 'changes' || what === 'state';
  const body = isAsking ? '' : JSON.stringify(said ?? bodyOf(what, turn));
  const fields = [
    `${isAsking ? 'GET' : 'POST'} ${pathOf(what)} HTTP/1.1`,
    ...fieldsOf(host, RACK_KEY_SECRET),
    ...(isAsking ? [] : ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`]),
    ...(what === 'changes' ? [] : ['Connection: close']),
  ];
  return `${fields.join('\r\n')}\r\n\r\n${body}`;
}

/** A report whose body does not come. @param secret left out: that of the rack */
export const endlessReport = (host: string, secret = RACK_KEY_SECRET): string =>
  [
    `POST ${pathOf('events')} HTTP/1.1`,
    ...fieldsOf(host, secret),
    'Content-Type: application/json',
    'Content-Length: 2000',
    '',
    '',
  ].join('\r\n');

/** Interfaces in a quarter of a megabyte of JSON, others each time. */
export function loudInterfaces(turn: number): string {
  const reservations = Array.from({ length: RESERVATIONS_REPORTED_MAX }, (_, index) => ({
    mac: formatMac(mac(0x0600_0000_0000 + index)),
    ip: `10.50.0.${index % 250}`,
  }));
  return JSON.stringify([{ ...rackInterface(`10.${turn % 250}.0.0/24`), reservations }]);
}

const hex = (octets: number): string => Buffer.from(systemClock.randomBytes(octets)).toString('hex');

/** An unknown machine. */
export function enlistment(): string {
  const octets = hex(5).match(/../g) ?? [];
  return `architecture=amd64%2Fgeneric&mac_addresses=02:${octets.join(':')}`.replaceAll(':', '%3A');
}

/** An unknown rack that asks to be accepted. */
export function registration(): string {
  const fields = {
    op: 'register',
    uuid: [hex(4), hex(2), hex(2), hex(2), hex(6)].join('-'),
    name: `rack-${hex(4)}`,
    interfaces: '[]',
    version: '1',
    uplink: '1',
    token: hex(16),
    secret_digest: hex(32),
  };
  return new URLSearchParams(fields).toString();
}
