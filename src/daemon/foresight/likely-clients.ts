// Which firmware a machine most likely has, and how that is known: `rackboot why` must not pass a guess for knowledge.
//
// 1. What the machine showed in the boots that are remembered comes first: its firmware, and not the iPXE that the firmware loaded.
// 2. A machine that showed iPXE alone has it in its card, or as its own loader: what its firmware would ask is not known. Its lease says
//    no more, for iPXE has the same vendor class as firmware.

import { bootsFromHttp, findArchitecture } from '../../boot/architectures.ts';
import type { MacAddress } from '../../net/address.ts';
import { isDhcpEvent } from '../../observe/sentences/dhcp.ts';
import type { TimelineStep } from '../../observe/timeline.ts';
import { type ClientName, isClientName } from './clients.ts';
import type { Foresight } from './foresight.ts';

/**
 * How the kinds are known:
 *
 * - `asked`: the question names one.
 * - `shown`: by what it showed last.
 * - `ipxe-only`: it showed itself as iPXE and as nothing else.
 * - `unseen`: it has shown nothing; these are what its architecture suggests, or the two commonest.
 */
export const BASES = ['asked', 'shown', 'ipxe-only', 'unseen'] as const;

export type Basis = (typeof BASES)[number];

/** The kinds of client that a machine may be. */
export interface LikelyClients {
  readonly basis: Basis;
  readonly clients: readonly ClientName[];
}

/** The kinds that a machine most likely is. @param steps what is remembered of it, the oldest first */
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
    const code = /^(?:PXE|HTTP)Client:Arch:(\d{5})/.exec(vendorClass ?? '')?.[1];
    const found = clientOf(code === undefined ? undefined : Number(code));
    if (found !== undefined) return { basis: 'shown', clients: [found] };
  }
  return { basis: 'unseen', clients: commonest };
}

/** The kind of firmware of an architecture (option 93); undefined: there is none. */
function clientOf(code: number | undefined): ClientName | undefined {
  const row = code === undefined ? undefined : findArchitecture(code);
  if (row === undefined) return undefined;
  const name = row.firmware === 'bios' ? 'bios' : `uefi-${bootsFromHttp(row.code) ? 'http-' : ''}${row.cpu}`;
  return isClientName(name) ? name : undefined;
}
