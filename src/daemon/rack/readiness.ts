// Judges whether the rack is ready: every listener that can be open is open, leases can be written,
// and a region in this process runs. Pure.
//
// 1. Waiting for an interface or an address is not a fault: a rack with an unplugged cable is as
//    ready as it can be. Nor is a remote region that is away: it says itself whether it is ready.

import type { RackConfig } from '../../config/rack-config.ts';
import { formatIpv4, type Ipv4, isLoopback } from '../../ground/address.ts';
import type { HostInterface } from '../../net/host-interface.ts';
import type { Readiness } from '../../observe/instrument-server.ts';
import type { UplinkStatus } from '../../uplink/link-status.ts';

interface ListenAddress {
  readonly address: Ipv4;
  readonly port: number;
}

/** The facts that decide readiness. */
export interface ReadinessFacts {
  readonly config: RackConfig;
  readonly host: readonly HostInterface[];
  /** `undefined` until the rack has started. */
  readonly rack:
    | {
        readonly dhcpProblems: readonly { readonly name: string; readonly code: string; readonly text: string }[];
        readonly tftp: readonly ListenAddress[];
        readonly http: readonly ListenAddress[];
        readonly dns: readonly ListenAddress[];
        readonly treeProblem?: string | undefined;
      }
    | undefined;
  readonly journalProblem: string | undefined;
  /** `undefined` until the rack has started. */
  readonly region: Pick<UplinkStatus, 'mode' | 'state'> | undefined;
}

/** Errors of sockets that wait for an interface or address to appear, as opposed to failures. */
export const WAITING_CODES: ReadonlySet<string> = new Set(['interface-missing', 'address-not-here']);

/** Judges readiness from the facts. */
export function judgeReadiness({ config, host, rack, journalProblem, region }: ReadinessFacts): Readiness {
  const notReady: { what: string; reason: string }[] = [];
  if (rack === undefined) notReady.push({ what: 'rack', reason: 'starting' });
  else {
    for (const { name, code, text } of rack.dhcpProblems) {
      if (!WAITING_CODES.has(code)) notReady.push({ what: `dhcp ${name}`, reason: text });
    }
    if (rack.treeProblem !== undefined) notReady.push({ what: 'boot tree', reason: rack.treeProblem });
    const { tftp, dns, http } = config;
    const services: readonly (readonly [
      what: string,
      wanted: readonly ListenAddress[],
      open: readonly ListenAddress[],
    ])[] = [
      ['tftp', tftp.listen.map((address) => ({ address, port: tftp.listenPort })), rack.tftp],
      ['http', http.listen.filter(({ optional }) => optional !== true), rack.http],
      ['dns', dns.listen.map((address) => ({ address, port: dns.listenPort })), rack.dns],
    ];
    for (const [service, wantedAddresses, openAddresses] of services) {
      for (const { address, port } of wantedAddresses) {
        if (
          openAddresses.some((socket) => socket.address === address && socket.port === port) ||
          !isHostAddressUp(address, host)
        )
          continue;
        notReady.push({ what: `${service} ${formatIpv4(address)}:${port}`, reason: 'not listening' });
      }
    }
  }
  if (journalProblem !== undefined) notReady.push({ what: 'leases', reason: journalProblem });
  // Without the texts of its errors: the question needs no password.
  if (region?.mode === 'embedded' && region.state !== 'up')
    notReady.push({ what: 'region', reason: region.state === 'starting' ? 'starting' : 'not running' });
  return { ready: notReady.length === 0, notReady };
}

const isHostAddressUp = (hostAddress: Ipv4, host: readonly HostInterface[]): boolean =>
  isLoopback(hostAddress) ||
  host.some(({ up, addresses }) => up && addresses.some(({ address }) => address === hostAddress));
