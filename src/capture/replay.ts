// Replays a capture through the deciding code with the present configuration: each query is decided
// again at the time of its packet, and the captured answer is compared with the present one.
// Nothing is sent or stored.
//
// 1. A TFTP transfer continues on ports that only its request reveals. At most TRANSFERS_MAX
//    requests are kept, the oldest dropped first.

import type { AssetContext } from '../boot/asset.ts';
import { isActive } from '../dhcp/leases/lease-table.ts';
import { BoundedMap } from '../ground/bounded-map.ts';
import { instant } from '../ground/clock.ts';
import type { ReplayedQuery } from './answer-comparison.ts';
import type { CapturedDatagram } from './pcap.ts';
import { type DhcpFacts, DhcpReplay } from './replay-dhcp.ts';
import { CaptureClock, DnsReplay } from './replay-dns.ts';
import { type FindFileSize, TftpReplay } from './replay-tftp.ts';

/** The most transfers with recorded ports. */
const TRANSFERS_MAX = 4096;
const DHCP_PORTS: ReadonlySet<number> = new Set([67, 68]);
const TFTP_PORT = 69;
const DNS_PORT = 53;

/** Ports in addition to the well-known ones. */
interface FurtherPorts {
  readonly tftp?: number | undefined;
  readonly dns?: number | undefined;
}

/** The state that queries are replayed against. */
export interface ReplayFacts extends DhcpFacts {
  readonly findFileSize: FindFileSize;
  readonly ports: FurtherPorts;
}

/** Replays datagrams in order. @returns one result per query */
export function replayDatagrams(datagrams: readonly CapturedDatagram[], facts: ReplayFacts): readonly ReplayedQuery[] {
  const { config, machines, leases } = facts;
  const clock = new CaptureClock();
  const startMs = datagrams[0]?.atMs ?? 0;
  const dhcp = new DhcpReplay(facts);
  const assets: AssetContext = {
    config: config.boot,
    machines,
    macOf: (peer) => {
      const lease = dhcp.table.find(peer);
      return lease?.state === 'bound' ? lease.mac : undefined;
    },
    hasFile: (path) => facts.findFileSize(path) !== undefined,
  };
  const tftp = new TftpReplay(assets, facts.findFileSize);
  const activeLeases = leases.filter((lease) => isActive(lease, instant(startMs)));
  const dns = new DnsReplay(config, machines, activeLeases, clock);
  const tftpPorts = new Set([TFTP_PORT, facts.ports.tftp ?? config.tftp.listenPort]);
  const dnsPorts = new Set([DNS_PORT, facts.ports.dns ?? config.dns.listenPort]);
  /** The endpoints that requested files; address and port as one number. */
  const loaders = new BoundedMap<number, true>(TRANSFERS_MAX, 'set longest ago');
  const replay = (datagram: CapturedDatagram): ReplayedQuery | undefined => {
    const { from, fromPort, to, toPort } = datagram;
    const [sourceKey, targetKey] = [from * 65_536 + fromPort, to * 65_536 + toPort];
    if (DHCP_PORTS.has(toPort) || DHCP_PORTS.has(fromPort)) return dhcp.replay(datagram, clock.wallTimeMs());
    if (tftpPorts.has(toPort)) loaders.set(sourceKey, true);
    if (loaders.has(sourceKey) || loaders.has(targetKey)) return tftp.replay(datagram);
    return dnsPorts.has(toPort) || dnsPorts.has(fromPort) ? dns.replay(datagram) : undefined;
  };
  return datagrams.flatMap((datagram) => {
    // A capture's times may repeat or go backwards; the clock for decisions never does.
    clock.set(Math.max(clock.wallTimeMs(), datagram.atMs));
    return replay(datagram) ?? [];
  });
}
