// Looks for other DHCP servers before `rackboot init` proposes to give addresses: two servers that
// give addresses on one network disturb every host there.
//
// 1. A missing answer proves nothing: a switch port may not forward yet, and only root may probe.
//    The warnings say so.

import { randomInt } from 'node:crypto';
import { OFFERS_MS, probeDhcp } from '../../doctor/dhcp-probe.ts';
import { formatIpv4 } from '../../ground/address.ts';
import { errorText, osErrorCode } from '../../ground/errors.ts';
import { probeMac } from '../../ground/own-probes.ts';
import { openNetwork } from '../../net/datagrams/udp-linux.ts';
import type { InterfaceProposal } from '../../region/networks/range-proposal.ts';

const [SERVER_PORT, CLIENT_PORT] = [67, 68];
/** Option 93 of UEFI on x86-64. */
const UEFI = 7;
/** The number of transaction ids, which have 32 bits. */
const XID_COUNT = 2 ** 32;

export interface WireAnswer {
  /** The answering servers, such as `192.0.2.1 (offers 192.0.2.50)`. */
  readonly servers: readonly string[];
  /** Why the network could not be probed. */
  readonly probeFailure?: string | undefined;
}

/**
 * Broadcasts a DISCOVER and collects the answers of other servers for OFFERS_MS. Never fails.
 * @param ownAddresses the addresses of this host
 */
export async function askForServers(
  { name, address }: InterfaceProposal,
  ownAddresses: ReadonlySet<string>,
): Promise<WireAnswer> {
  const machines = [{ mac: probeMac(UEFI), architecture: UEFI, xid: randomInt(XID_COUNT) }];
  const network = await openNetwork();
  try {
    const ports = { serverPort: SERVER_PORT, clientPort: CLIENT_PORT };
    const offers = await probeDhcp({ network, device: name, source: address, ...ports, machines });
    const servers = new Map<string, string>();
    for (const { server, address: offered } of offers) {
      if (ownAddresses.has(server)) continue;
      servers.set(server, offered === '0.0.0.0' ? server : `${server} (offers ${offered})`);
    }
    return { servers: [...servers.values()] };
  } catch (error) {
    const isForbidden = ['EPERM', 'EACCES'].includes(osErrorCode(error) ?? '');
    return { servers: [], probeFailure: isForbidden ? 'that needs root' : errorText(error) };
  } finally {
    await network.close();
  }
}

/** The warning if no other server answered. */
export function noServerWarning(
  { name, address }: InterfaceProposal,
  { probeFailure }: WireAnswer,
  isDefaultRoute: boolean,
): string | undefined {
  const remedy = 'if another server gives the addresses there, use --mode proxy';
  if (probeFailure !== undefined)
    return `could not look for other DHCP servers on ${name} (${probeFailure}): ${remedy}`;
  if (!isDefaultRoute) return undefined;
  const where = `${name} (${formatIpv4(address)}) leads to the default router`;
  return `${where}, and other hosts are there. No DHCP server answered within ${OFFERS_MS / 1000} s; ${remedy}`;
}

/** The sentence that another server answered, without its full stop. */
export const answeredText = ({ name }: Pick<InterfaceProposal, 'name'>, { servers }: WireAnswer): string =>
  `another DHCP server answers on ${name}: ${servers.join(', ')}`;

export const chooseModeText = (observation: string): string =>
  `${observation}. Two servers that give addresses on one network disturb every host there. Run this again with --mode proxy: that server keeps giving ` +
  'addresses, and this rack only says what to boot. Or stop that server and use --mode server. Nothing was written';
