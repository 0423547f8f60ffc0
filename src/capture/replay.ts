// Replays a capture through the deciding code with the present configuration: each query is decided again at the time of its packet, and
// the captured answer is compared with the present one. Nothing is sent or stored.

import type { AssetContext } from '../boot/asset.ts';
import { instant } from '../clock.ts';
import type { RackConfig } from '../config/rack-config.ts';
import type { Lease } from '../dhcp/leases/lease.ts';
import { isActive } from '../dhcp/leases/lease-table.ts';
import type { MachineDirectory } from '../machines/directory.ts';
import type { CapturedPacket } from './capture-file.ts';
import { Conversation, type FurtherPorts } from './conversation.ts';
import { findDatagram } from './link-layer.ts';
import { DhcpReplay } from './replay-dhcp.ts';
import { CaptureClock, DnsReplay } from './replay-dns.ts';
import type { Replayed } from './replay-result.ts';
import { type SizeOf, TftpReplay } from './replay-tftp.ts';

/** The state that queries are replayed against. */
export interface ReplayFacts {
  readonly config: RackConfig;
  readonly machines: MachineDirectory;
  /** Copies, with wall times as instants. */
  readonly leases: readonly Lease[];
  readonly sizeOf: SizeOf;
  /** The interface of broadcasts, if the capture names none. */
  readonly interfaceName: string | undefined;
  readonly ports: FurtherPorts;
}

/** Replays packets in order. @returns one result per query */
export function replayPackets(packets: readonly CapturedPacket[], facts: ReplayFacts): readonly Replayed[] {
  const { config, machines, leases } = facts;
  const clock = new CaptureClock();
  const startMs = packets.find(({ atMs }) => atMs !== undefined)?.atMs ?? 0;
  clock.set(startMs);
  const dhcp = new DhcpReplay(facts);
  const assets: AssetContext = {
    config: config.boot,
    machines,
    macOf: (peer) => {
      const lease = dhcp.table.find(peer);
      return lease?.state === 'bound' ? lease.mac : undefined;
    },
    hasFile: (path) => facts.sizeOf(path) !== undefined,
  };
  const tftp = new TftpReplay(assets, facts.sizeOf);
  const running = leases.filter((lease) => isActive(lease, instant(startMs)));
  const dns = new DnsReplay(config, machines, running, clock);
  const conversation = new Conversation({
    tftp: facts.ports.tftp ?? config.tftp.listenPort,
    dns: facts.ports.dns ?? config.dns.listenPort,
  });
  const results: Replayed[] = [];
  for (const packet of packets) {
    const datagram = findDatagram(packet);
    if (datagram.kind === 'other') continue;
    // A capture's times may repeat or go backwards; the clock for decisions never does.
    clock.set(Math.max(clock.wallTimeMs(), packet.atMs ?? 0));
    const { number, atMs } = packet;
    const place = { number, atMs: clock.wallTimeMs(), interfaceName: packet.interfaceName };
    const protocol = conversation.protocolOf(datagram);
    const result =
      protocol === 'dhcp'
        ? dhcp.take(datagram, place)
        : protocol === 'tftp'
          ? tftp.take(datagram, number, atMs)
          : protocol === 'dns'
            ? dns.take(datagram, number, atMs)
            : undefined;
    if (result !== undefined) results.push(result);
  }
  return results;
}
