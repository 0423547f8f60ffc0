// Looks for addresses as clients that do not exist, in whichever network namespace it is started:
// `dhcp-flood.ts TO COUNT FIRST-MAC [GIADDR CIRCUIT]` sends COUNT DISCOVERs, each from the next hardware address, as a relay agent where one
// is named.

import { createSocket } from 'node:dgram';
import { setTimeout as pause } from 'node:timers/promises';
import { mac, parseMac } from '../../src/net/address.ts';
import { clientBytes, ip } from '../dhcp/lab.ts';

/** So many at once, then a pause: the receive buffer of the rack shall not be what bounds them. */
const BATCH = 25;
const PAUSE_MS = 10;

const [, , to = '', count = '', first = '', giaddr, circuit = ''] = process.argv;
const from = parseMac(first) ?? mac(0);
const relayed =
  giaddr === undefined
    ? {}
    : { giaddr: ip(giaddr), options: [[82, Uint8Array.of(1, circuit.length, ...Buffer.from(circuit))]] as const };
const socket = createSocket('udp4');
await new Promise<void>((resolve) => socket.bind(giaddr === undefined ? 68 : 67, () => resolve()));
socket.setBroadcast(true);
for (let sent = 0; sent < Number(count); sent += 1) {
  const bytes = clientBytes({ type: 'discover', mac: mac(from + sent), xid: sent, broadcast: true, ...relayed });
  socket.send(bytes, 67, to);
  if (sent % BATCH === BATCH - 1) await pause(PAUSE_MS);
}
await pause(PAUSE_MS);
socket.close();
