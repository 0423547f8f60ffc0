// Chooses the firmware that a machine most likely has, with the evidence for it: `rackboot why`
// must not present a guess as fact.
//
// 1. The recorded boots come first: they show the machine's firmware, as opposed to the iPXE that
//    the firmware loaded.
// 2. A machine seen only as iPXE has iPXE in its card or as its own loader, so what its firmware
//    would ask is unknown. Its lease does not help: iPXE sends the same vendor class as firmware.

import { findArchitecture } from '../../boot/architectures.ts';
import { identifyBootClient, numberOfClass } from '../../boot/client.ts';
import type { DhcpEvent } from '../../dhcp/events/events.ts';
import type { MacAddress } from '../../ground/address.ts';
import { isDhcpEvent } from '../../observe/protocol-events.ts';
import type { TimelineStep } from '../../observe/timeline.ts';
import type { ForecastInputs } from './boot-forecast.ts';
import { CLIENT_KINDS, type ClientName, isClientName, type ShownSigns } from './clients.ts';

/**
 * The evidence for the kinds. `asked`: named by the request. `shown`: shown most recently by the
 * machine. `ipxe-only`: seen only as iPXE. `unseen`: never shown, so the most common kinds for its
 * CPU, or for amd64.
 */
export const BASES = ['asked', 'shown', 'ipxe-only', 'unseen'] as const;

export type Basis = (typeof BASES)[number];

/** The kinds of client that a machine may be. */
export interface LikelyClients {
  readonly basis: Basis;
  readonly clients: readonly ClientName[];
  /** Only for `shown`. */
  readonly signs?: ShownSigns;
}

/** Chooses the most likely kinds. @param steps the machine's recorded steps, the oldest first */
export function chooseLikelyClients(
  mac: MacAddress,
  inputs: ForecastInputs,
  steps: readonly TimelineStep[],
): LikelyClients {
  const { leases, machines } = inputs.dhcp;
  const bootEvents = steps.flatMap(({ event }) => (isDhcpEvent(event) && event.client !== undefined ? [event] : []));
  const firmwareClients = findShownClients(bootEvents.findLast(({ client }) => client !== 'ipxe'));
  if (firmwareClients !== undefined) return firmwareClients;
  const ipxeEvent = bootEvents.findLast(({ client }) => client === 'ipxe');
  const shownCpu = ipxeEvent?.architecture === undefined ? undefined : findArchitecture(ipxeEvent.architecture)?.cpu;
  const architecture = machines.findByMac(mac)?.architecture ?? shownCpu;
  const commonClients: readonly ClientName[] = architecture === 'arm64' ? ['uefi-arm64'] : ['bios', 'uefi-amd64'];
  if (ipxeEvent !== undefined) {
    return { basis: 'ipxe-only', clients: architecture === 'arm64' ? commonClients : ['ipxe', ...commonClients] };
  }
  for (const { vendorClass } of leases.findAllByMac(mac).toSorted((a, b) => b.grantedAt - a.grantedAt)) {
    const code = numberOfClass(vendorClass ?? '');
    if (code === undefined || vendorClass === undefined) continue;
    const client = identifyBootClient({ architectures: [code], vendorClass, userClasses: [], ipxeOptions: false });
    const leaseClients = findShownClients({ client: client?.kind, architecture: code, vendorClass });
    if (leaseClients !== undefined) return leaseClients;
  }
  return { basis: 'unseen', clients: commonClients };
}

/**
 * The kind that DHCP took a client for, with the signs that identify the kind again; `undefined` if
 * no kind is like it.
 */
function findShownClients(
  event: Pick<DhcpEvent, 'client' | 'architecture' | 'vendorClass'> | undefined,
): LikelyClients | undefined {
  if (event?.architecture === undefined) return undefined;
  const { client, architecture: code, vendorClass } = event;
  const name = findClientName(client, code);
  // An unknown architecture boots what `boot.loaders` has for it.
  const unknownFirmware = { title: `unknown architecture ${code}`, vendorClass: 'PXEClient' };
  const signs = {
    ...(client === 'other' && findArchitecture(code) === undefined ? unknownFirmware : {}),
    code,
    ...(vendorClass === undefined ? {} : { vendorClass }),
  };
  return name === undefined ? undefined : { basis: 'shown', clients: [name], signs };
}

/** @param kind as `identifyBootClient` @param code option 93 */
function findClientName(kind: string | undefined, code: number): ClientName | undefined {
  const row = findArchitecture(code);
  if (kind === 'u-boot')
    return code === CLIENT_KINDS['u-boot-arm64'].code || row?.cpu === 'arm64' ? 'u-boot-arm64' : 'u-boot-arm';
  if (row === undefined) return kind === 'other' ? 'uefi-amd64' : undefined;
  const name = row.firmware === 'bios' ? 'bios' : `uefi-${kind === 'uefi-http' ? 'http-' : ''}${row.cpu}`;
  return isClientName(name) ? name : undefined;
}
