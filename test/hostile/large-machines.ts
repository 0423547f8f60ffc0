// Requests of an account without rights: machines with the largest description that a region accepts, and lists of them.

import type { Socket } from 'node:net';
import { systemClock } from '../../src/clock.ts';
import { INTERFACES_MAX } from '../../src/region/identity/interface-source.ts';
import { DISKS_MAX, FACT_TEXT_MAX } from '../../src/region/records/hardware-facts.ts';
import { authorizationOf } from '../support/oauth.ts';

const ODD = '<&"\u00e9'.repeat(FACT_TEXT_MAX / 4);

const disk = (place: number) => ({ name: `d${place}`, bytes: place, model: ODD, serial: ODD, bus: ODD, firmware: ODD });
const FACTS = JSON.stringify({ version: 1, disks: Array.from({ length: DISKS_MAX }, (_, place) => disk(place)) });

/** The body that makes a machine of which the region knows nothing yet. */
function largeMachine(): string {
  const octets = Buffer.from(systemClock.randomBytes(4)).toString('hex').replace(/../g, '$&:');
  const macs = Array.from(
    { length: INTERFACES_MAX },
    (_, place) => `0a:${octets}${place.toString(16).padStart(2, '0')}`,
  );
  return new URLSearchParams({
    architecture: 'amd64',
    mac_addresses: macs.join(','),
    hardware_facts: FACTS,
  }).toString();
}

/** Machines that one connection makes before it lists. */
const MADE = 12;

/** Makes machines over this connection, one after the other, and lists all of them from then on. */
export function listLargeMachines(socket: Socket, rack: string, apiKey: string, isOver: () => boolean): void {
  const head = (method: string, more: readonly string[]): string =>
    [
      `${method} /MAAS/api/2.0/machines/ HTTP/1.1`,
      `Host: ${rack}`,
      `Authorization: ${authorizationOf(apiKey)}`,
      ...more,
      '',
      '',
    ].join('\r\n');
  let made = 0;
  let isListing = false;
  let tail = '';
  const ask = (): void => {
    if (isOver() || socket.destroyed) return;
    tail = '';
    if (made >= MADE) {
      isListing = true;
      socket.write(head('GET', []));
      return;
    }
    made += 1;
    const body = largeMachine();
    socket.write(
      `${head('POST', ['Content-Type: application/x-www-form-urlencoded', `Content-Length: ${body.length}`])}${body}`,
    );
  };
  socket.on('data', (bytes: Buffer) => {
    tail = (tail + bytes.toString('latin1')).slice(-8);
    // A list ends with its last chunk, a machine with the end of its text.
    if (tail.endsWith(isListing ? '0\r\n\r\n' : '}')) ask();
  });
  ask();
}
