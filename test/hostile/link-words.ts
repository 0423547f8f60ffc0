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

/** @param turn by which the numbers of reports grow */
export function linkRequest(
  host: string,
  what: (typeof LINK_SAYS)[number],
  secret = RACK_KEY_SECRET,
  turn = 1,
): string {
  const isAsking = what === 'changes' || what === 'state';
  const body = isAsking ? '' : JSON.stringify(bodyOf(what, turn));
  const fields = [
    `${isAsking ? 'GET' : 'POST'} /MAAS/uplink/1/racks/${RACK_UUID}/${what} HTTP/1.1`,
    `Host: ${host}`,
    `Authorization: ${rackAuthorization(RACK_TOKEN, secret)}`,
    ...(isAsking ? [] : ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`]),
    ...(what === 'changes' ? [] : ['Connection: close']),
  ];
  return `${fields.join('\r\n')}\r\n\r\n${body}`;
}
