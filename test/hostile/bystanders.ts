// Shared by attackers and bystanders: the ports of the host whose name is forged, and a machine's message to a boot server.
// `bystanders.ts ADDRESS` plays that host: it receives at those ports, answers nothing, and prints the number of octets.

import { createSocket } from 'node:dgram';
import type { Ipv4, MacAddress } from '../../src/ground/address.ts';
import { sleep } from '../../src/ground/clock.ts';
import { clientBytes } from '../dhcp/lab.ts';

/** Fewer than the peers to which the rack repeats a packet (REPEATED_TO_MAX): the worst case of a host. */
export const BLIND_PORTS: readonly number[] = Array.from({ length: 20 }, (_, index) => 4000 + index);
/** Of a file: a request for it is the shortest there is. */
export const SHORTEST_NAME = 'a';
/** Of IP and UDP, in each datagram. */
export const HEADERS_OCTETS = 28;
const TELL_MS = 100;

/** A machine's request at the port of boot servers (PXE 2.1 §2.2.3). */
export const bootServerRequest = (mac: MacAddress, ciaddr: Ipv4, xid: number): Uint8Array =>
  clientBytes({
    type: 'request',
    mac,
    ciaddr,
    xid,
    vendorClass: 'PXEClient:Arch:00000:UNDI:002001',
    options: [[93, Uint8Array.of(0, 0)]],
  });

if (import.meta.main) {
  let octets = 0;
  for (const port of BLIND_PORTS) {
    const socket = createSocket('udp4');
    socket.on('message', ({ length }) => {
      octets += length + HEADERS_OCTETS;
    });
    socket.bind(port, process.argv[2]);
  }
  for (let reported = -1; ; await sleep(TELL_MS)) {
    if (reported === octets) continue;
    reported = octets;
    console.log(`received ${octets}`);
  }
}
