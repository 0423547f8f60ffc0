// A host that speaks, without a relay agent, for a network in another shared network: it declines all addresses of the range in the holder's
// name, and takes them for clients that do not exist, by broadcast with option 118 and by unicast with ciaddr.

import type { Socket } from 'node:dgram';
import { sleep, systemClock } from '../../src/clock.ts';
import { addressBytes, OPTION } from '../../src/dhcp/wire/options.ts';
import { type Ipv4, ipv4, type MacAddress, mac } from '../../src/net/address.ts';
import { clientBytes } from '../dhcp/lab.ts';

const PER_SECOND = 600;
const TICK_MS = 5;
const RANGE_ADDRESSES = 200;

/** The place of the host, and the client in whose name it speaks. */
interface OtherWire {
  readonly socket: Socket;
  /** The rack's address on the host's own shared network, and the broadcast address there. */
  readonly rack: string;
  readonly broadcast: string;
  /** Of the other wire: the rack's address, its network, the first address of the range, and a holder of one. */
  readonly server: Ipv4;
  readonly network: Ipv4;
  readonly range: Ipv4;
  readonly holder: MacAddress;
  readonly isOver: () => boolean;
  readonly tell: () => void;
}

/** Speaks for the other shared network until it is over. */
export async function speakForOtherWire({ socket, rack, broadcast, isOver, tell, ...other }: OtherWire): Promise<void> {
  socket.setBroadcast(true);
  const startedAt = systemClock.now();
  for (let sent = 0; !isOver(); await sleep(TICK_MS)) {
    const due = ((systemClock.now() - startedAt) * PER_SECOND) / 1000;
    for (; sent < due; sent += 1) socket.send(message(other, sent), 67, sent % 3 === 2 ? rack : broadcast);
    if (due > PER_SECOND / 2) tell();
  }
}

function message(
  { server, network, range, holder }: Omit<OtherWire, 'socket' | 'rack' | 'broadcast' | 'isOver' | 'tell'>,
  index: number,
) {
  const address = ipv4(range + (Math.floor(index / 3) % RANGE_ADDRESSES));
  const client = { mac: mac(0x020000000000 + index), xid: index };
  const selected = { requested: address, server, options: [[OPTION.subnetSelection, addressBytes(network)]] as const };
  if (index % 3 === 0) return clientBytes({ ...client, ...selected, type: 'decline', mac: holder });
  if (index % 3 === 1) return clientBytes({ ...client, ...selected, type: 'request' });
  return clientBytes({ ...client, type: 'request', ciaddr: address });
}
