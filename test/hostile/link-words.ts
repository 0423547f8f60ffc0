// What a rack says on its link, as bytes of a request.

import {
  batchOf,
  heartbeatOf,
  RACK_KEY_SECRET,
  RACK_TOKEN,
  RACK_UUID,
  rackAuthorization,
  reportEntry,
} from '../region/racks/rack-place.ts';

const REPORTS = 100;

/** Whoever has a key says all of it in turn: events most. */
export const LINK_SAYS = ['changes', 'events', 'heartbeat', 'events', 'state', 'events'] as const;

function bodyOf(what: (typeof LINK_SAYS)[number], turn: number): object {
  if (what === 'heartbeat') return heartbeatOf();
  const sequences = Array.from({ length: REPORTS }, (_, index) => turn * REPORTS + index);
  return batchOf(sequences.map((sequence) => reportEntry(sequence, `lie ${sequence}`, { kind: 'dhcp.ack' })));
}

const pathOf = (what: string): string => `/MAAS/uplink/1/racks/${RACK_UUID}/${what}`;
const fieldsOf = (host: string, secret: string): readonly string[] => [
  `Host: ${host}`,
  `Authorization: ${rackAuthorization(RACK_TOKEN, secret)}`,
];

/** @param turn by which the numbers of reports grow */
export function linkRequest(host: string, what: (typeof LINK_SAYS)[number], turn: number): string {
  const isAsking = what === 'changes' || what === 'state';
  const body = isAsking ? '' : JSON.stringify(bodyOf(what, turn));
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
