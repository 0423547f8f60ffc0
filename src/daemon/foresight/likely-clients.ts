// Chooses the firmware that a machine most likely has, with the evidence for it: `rackboot why` must not present a guess as fact.
//
// 1. The recorded boots come first: they show the machine's firmware, as opposed to the iPXE that the firmware loaded.
// 2. A machine seen only as iPXE has iPXE in its card or as its own loader, so what its firmware would ask is unknown. Its lease does not
//    help: iPXE sends the same vendor class as firmware.

import { bootsFromHttp, findArchitecture } from '../../boot/architectures.ts';
import { numberOfClass } from '../../boot/client.ts';
import type { MacAddress } from '../../net/address.ts';
import { isDhcpEvent } from '../../observe/protocol-events.ts';
import type { TimelineStep } from '../../observe/timeline.ts';
import { CLIENT_KINDS, type ClientName, isClientName } from './clients.ts';
import type { Foresight } from './foresight.ts';

/**
 * The evidence for the kinds:
 *
 * - `asked`: the request names one.
 * - `shown`: the machine showed it most recently, in a message or by the vendor class of a lease.
 * - `ipxe-only`: the machine was seen only as iPXE.
 * - `unseen`: the machine never showed its firmware; these are the most common kinds for its CPU, or for amd64 if that is unknown.
 */
export const BASES = ['asked', 'shown', 'ipxe-only', 'unseen'] as const;

export type Basis = (typeof BASES)[number];

/** The kinds of client that a machine may be. */
interface LikelyClients {
  readonly basis: Basis;
  readonly clients: readonly ClientName[];
}

/** Chooses the most likely kinds. @param steps the machine's recorded steps, the oldest first */
export function likelyClients(mac: MacAddress, foresight: Foresight, steps: readonly TimelineStep[]): LikelyClients {
  const { leases, machines } = foresight.dhcp;
  const seen = steps.flatMap(({ event }) => (isDhcpEvent(event) && event.client !== undefined ? [event] : []));
  const firmware = clientOf(seen.findLast(({ client }) => client !== 'ipxe')?.architecture);
  if (firmware !== undefined) return { basis: 'shown', clients: [firmware] };
  const ipxe = seen.findLast(({ client }) => client === 'ipxe');
  const said = ipxe?.architecture === undefined ? undefined : findArchitecture(ipxe.architecture)?.cpu;
  const architecture = machines.findByMac(mac)?.architecture ?? said;
  const commonest: readonly ClientName[] = architecture === 'arm64' ? ['uefi-arm64'] : ['bios', 'uefi-amd64'];
  if (ipxe !== undefined) {
    return { basis: 'ipxe-only', clients: architecture === 'arm64' ? commonest : ['ipxe', ...commonest] };
  }
  for (const { vendorClass } of leases.findAllByMac(mac).toSorted((a, b) => b.grantedAt - a.grantedAt)) {
    const found = clientOf(numberOfClass(vendorClass ?? ''));
    if (found !== undefined) return { basis: 'shown', clients: [found] };
  }
  return { basis: 'unseen', clients: commonest };
}

/** The kind of firmware that sends an architecture (option 93); undefined if no kind does. */
function clientOf(code: number | undefined): ClientName | undefined {
  if (code === CLIENT_KINDS['u-boot-arm64'].code) return 'u-boot-arm64';
  if (code === CLIENT_KINDS['u-boot-arm'].code) return 'u-boot-arm';
  const row = code === undefined ? undefined : findArchitecture(code);
  if (row === undefined) return undefined;
  const name = row.firmware === 'bios' ? 'bios' : `uefi-${bootsFromHttp(row.code) ? 'http-' : ''}${row.cpu}`;
  return isClientName(name) ? name : undefined;
}
