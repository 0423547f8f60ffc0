// A rack for tests of the region: its key, its registration, its heartbeat and its batches, as they come over the wire.

import { createHash } from 'node:crypto';
import type { RackRegistration } from '../../../src/region/racks/rack-admission.ts';
import type { Rack, RackPulse } from '../../../src/region/records/rack.ts';
import type { RackInterface } from '../../../src/region/records/rack-description.ts';
import type { Region } from '../../../src/region/region.ts';
import { authorizationOf } from '../../support/oauth.ts';

export const RACK_UUID = '11111111-2222-4333-8444-555555555501';
export const OTHER_UUID = '11111111-2222-4333-8444-555555555502';
export const RACK_TOKEN = 'token-of-rack-2';
export const RACK_KEY_SECRET = 'secret-of-rack-2';

export const digestOf = (secret: string): string => createHash('sha256').update(secret).digest('hex');

/** The `Authorization` header of a key. */
export function rackAuthorization(token = RACK_TOKEN, secret = RACK_KEY_SECRET): string {
  return authorizationOf(`rack:${token}:${secret}`);
}

export function rackInterface(network = '10.50.0.0/24'): RackInterface {
  const at = (last: number): string => network.replace(/\d+\/\d+$/, String(last));
  return {
    name: 'far',
    interface: 'eth1',
    ip: at(1),
    network,
    management: 2,
    ip_range_low: at(100),
    ip_range_high: at(199),
    static_ip_range_low: '',
    static_ip_range_high: '',
    router_ip: at(1),
  };
}

export function registration(more: Partial<RackRegistration> = {}): RackRegistration {
  return {
    uuid: RACK_UUID,
    name: 'rack-2',
    version: '0.1.0',
    uplink: 1,
    interfaces: [rackInterface()],
    key: { kind: 'own', token: RACK_TOKEN, secretDigest: digestOf(RACK_KEY_SECRET) },
    address: '192.0.2.9',
    ...more,
  };
}

/** The form fields of a registration over HTTP. */
export function registrationFields(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    uuid: RACK_UUID,
    name: 'rack-2',
    version: '0.1.0',
    uplink: '1',
    interfaces: JSON.stringify([rackInterface()]),
    token: RACK_TOKEN,
    secret_digest: digestOf(RACK_KEY_SECRET),
    ...more,
  };
}

/** Registers a rack. */
export const register = ({ racks }: Pick<Region, 'racks'>, { interfaces, ...said }: RackRegistration) =>
  racks.introduce(said, JSON.stringify(interfaces));

/** Registers a rack and accepts it. */
export async function acceptRack(region: Region, more: Partial<RackRegistration> = {}): Promise<Rack> {
  const given = registration(more);
  await register(region, given);
  const refusal = await region.racks.judge([given.uuid], 'accept', 'admin');
  const rack = region.racks.find(given.uuid);
  if (refusal !== undefined || rack === undefined) throw new Error(refusal === undefined ? 'no rack' : refusal.text);
  return rack;
}

/** An accepted rack reports its cluster interfaces. */
export const hearRack = (
  region: Region,
  uuid: string,
  interfaces: Rack['interfaces'],
  more: Partial<RackPulse> = {},
): Promise<void> => {
  const pulse = { life: 'x', applied: 1, waiting: 0, dropped: 0, deadLetters: 0, pinned: [], startedMs: 1, ...more };
  return region.racks.hear(uuid, { version: '0.1.0', uplink: 1, interfaces, pulse });
};

export function heartbeatOf(more: object = {}): object {
  return {
    version: '0.1.0',
    uplink: 1,
    life: 'life-1',
    applied: 3,
    waiting: 7,
    dropped: 1,
    deadLetters: 2,
    pinned: ['dns.upstream'],
    interfaces: [rackInterface()],
    startedAt: 1_700_000_000_000,
    ...more,
  };
}

export const SOURCE = `${RACK_UUID}/outbox-1`;

/** A batch of reports, one for each sequence. */
export function batchOf(entries: readonly object[], more: object = {}): object {
  return { source: SOURCE, missed: 0, entries, ...more };
}

export function reportEntry(sequence: number, text = `report ${sequence}`, more: object = {}): object {
  return { sequence, kind: 'report', report: { kind: 'tftp.sent', at: 1_700_000_000_000, text, ...more } };
}

/** A machine's request from while the region was unreachable. */
export function postEntry(sequence: number, mac: string, more: object = {}): object {
  const body = new URLSearchParams({ architecture: 'amd64/generic', mac_addresses: mac }).toString();
  return {
    sequence,
    kind: 'post',
    post: {
      at: 1_700_000_000_000,
      peer: '10.50.0.77',
      contentType: 'application/x-www-form-urlencoded',
      path: '/MAAS/api/2.0/machines/',
      body: Buffer.from(body).toString('base64'),
      ...more,
    },
  };
}
