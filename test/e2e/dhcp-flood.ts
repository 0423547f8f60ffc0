// Looks for addresses as clients that do not exist, in whichever network namespace it is started:
// `dhcp-flood.ts TO COUNT FIRST-MAC PER-SECOND [GIADDR CIRCUIT]` sends COUNT DISCOVERs, each from the next hardware address, as a relay agent
// where one is named.

import { createSocket } from 'node:dgram';
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../../src/clock.ts';
import { mac, parseMac } from '../../src/net/address.ts';
import { clientBytes } from '../dhcp/lab.ts';
import { ip } from '../support/lab-facts.ts';

/** So often some are sent: the receive buffer of the rack shall not be what bounds them. */
const PAUSE_MS = 10;

const [, , to = '', count = '', first = '', perSecond = '', giaddr, circuit = ''] = process.argv;
const from = parseMac(first) ?? mac(0);
const relayed =
  giaddr === undefined
    ? {}
    : { giaddr: ip(giaddr), options: [[82, Uint8Array.of(1, circuit.length, ...Buffer.from(circuit))]] as const };
const socket = createSocket('udp4');
await new Promise<void>((resolve) => socket.bind(giaddr === undefined ? 68 : 67, () => resolve()));
socket.setBroadcast(true);
const startedAt = systemClock.now();
for (let sent = 0; sent < Number(count); ) {
  const due = Math.min(Number(count), ((systemClock.now() - startedAt) / 1000) * Number(perSecond));
  for (; sent < due; sent += 1) {
    const bytes = clientBytes({ type: 'discover', mac: mac(from + sent), xid: sent, broadcast: true, ...relayed });
    socket.send(bytes, 67, to);
  }
  await pause(PAUSE_MS);
}
socket.close();
