// Ranks boot clients by how well the rack knows them, which decides their share of what it
// remembers (`net/shares/kept-apart.ts`).
//
// 1. INFORM boots nothing: any host can send it under any hardware address.
// 2. A UUID known to the region makes its network cards known. Each UUID has its own share: a host
//    that overheard the UUID can fill no more than that.

import { ANY, formatIpv4 } from '../../ground/address.ts';
import type { Owner, Rank } from '../../net/shares/kept-apart.ts';
import { findReservation, identityIn } from '../leases/allocate.ts';
import type { ServedSubnet } from '../networks/subnet.ts';
import { MESSAGE_TYPE, optionUuid } from '../wire/options.ts';
import type { DhcpState, Inquiry } from './inquiry.ts';

/** The owner of the client's records; undefined: it boots nothing. */
export function findRecordOwner(inquiry: Inquiry, state: DhcpState, served: ServedSubnet): Owner | undefined {
  if (inquiry.type === MESSAGE_TYPE.inform) return undefined;
  if (state.machines.findByMac(inquiry.mac) !== undefined) return MACHINE;
  const uuid = optionUuid(inquiry.message.options);
  if (uuid !== undefined && state.machines.findByUuid(uuid) !== undefined) return { rank: 'client', share: uuid };
  return { rank: rankClient(inquiry, state, served), share: nameOrigin(inquiry) };
}

const MACHINE: Owner = { rank: 'machine', share: '' };

function rankClient(inquiry: Inquiry, { leases }: DhcpState, served: ServedSubnet): Rank {
  if (findReservation(served, inquiry) !== undefined) return 'client';
  const lease = leases.findByClient(identityIn(served, inquiry), served.subnet.network);
  return lease === undefined ? 'stranger' : 'client';
}

/**
 * The relay, else the socket. Circuits do not count, because a host that invents them would gain a
 * share for each.
 */
function nameOrigin({ message, arrival }: Inquiry): string {
  return message.giaddr === ANY
    ? (arrival.interfaceName ?? formatIpv4(arrival.localAddress))
    : `relay ${formatIpv4(message.giaddr)}`;
}
