// Asks the DHCP servers of a network for offers, as machines there would, with the codec of the
// `dhcp` package: a check with our own codec could not see that codec's errors. No lease results,
// because an offer that is not requested lapses.
//
// 1. The probe listens for the whole time, even after this rack has answered: another server may be slower.

import dhcp from 'dhcp';
import protocol, { type Message } from 'dhcp/lib/protocol.js';
import { ANY, formatIpv4, formatMac, type Ipv4, type MacAddress } from '../ground/address.ts';
import { viewBytes } from '../ground/borrowed-bytes.ts';
import { sleep } from '../ground/clock.ts';
import type { DatagramNetwork } from '../net/datagrams/datagram.ts';

const DISCOVER = 1;
const OFFER = 2;
const BOOT_REQUEST = 1;
const BROADCAST_FLAG = 0x8000;
/**
 * How long the probe waits for offers. Before offering an address, ISC dhcpd pings it for 1 s,
 * dnsmasq for 3 s. A busy host takes longer.
 */
export const OFFERS_MS = 5000;
/** The wait until machines without an offer broadcast a second DISCOVER. */
const RETRY_MS = 1000;
/** The most offers that are kept. Only a flood brings more. */
const OFFERS_MAX = 256;

// Options that the package lacks.
dhcp.addOption(93, { name: 'Client system architecture', type: 'UInt16' });
dhcp.addOption(175, { name: 'iPXE encapsulated options', type: 'UInt8s' });
dhcp.addOption(28, { name: 'Broadcast address', type: 'IP' });

interface DhcpProbe {
  readonly network: DatagramNetwork;
  readonly device: string;
  /** The rack's address on that device. */
  readonly source: Ipv4;
  readonly serverPort: number;
  readonly clientPort: number;
  readonly machines: readonly ProbedMachine[];
}

/** One simulated machine. */
interface ProbedMachine {
  readonly mac: MacAddress;
  /** Option 93: 0 BIOS, 7 UEFI amd64, 11 UEFI arm64, 16 UEFI amd64 by HTTP. */
  readonly architecture: number;
  /** Unique among the machines of all probes. */
  readonly xid: number;
}

export interface SeenOffer {
  /** The `xid` of the machine that was offered the address. */
  readonly xid: number;
  readonly address: string;
  readonly server: string;
  readonly nextServer: string;
  readonly file: string;
}

/**
 * Broadcasts a DISCOVER for each machine, a second one for machines without an offer, and listens
 * for OFFERS_MS.
 */
export async function probeDhcp(probe: DhcpProbe): Promise<readonly SeenOffer[]> {
  const offers: SeenOffer[] = [];
  const socket = await probe.network.open({
    address: ANY,
    port: probe.clientPort,
    device: probe.device,
    source: probe.source,
    broadcast: true,
    shared: true,
    onDatagrams: (datagrams) => {
      for (const { bytes } of datagrams) {
        const offer = parseOffer(Buffer.from(bytes));
        if (offer !== undefined && offers.length < OFFERS_MAX) offers.push(offer);
      }
    },
  });
  const hasOffer = (xid: number): boolean => offers.some((offer) => offer.xid === xid);
  try {
    for (const waitMs of [RETRY_MS, OFFERS_MS - RETRY_MS]) {
      const silentMachines = probe.machines.filter(({ xid }) => !hasOffer(xid));
      socket.send(
        silentMachines.map((machine) => ({
          bytes: encodeDiscover(machine),
          to: { kind: 'broadcast', port: probe.serverPort },
        })),
      );
      await sleep(waitMs);
    }
    return offers.filter(({ xid }) => probe.machines.some((machine) => machine.xid === xid));
  } finally {
    socket.close();
  }
}

function encodeDiscover(machine: ProbedMachine): Uint8Array {
  const none = formatIpv4(ANY);
  const encoded = protocol.format({
    op: BOOT_REQUEST,
    htype: 1,
    hlen: 6,
    hops: 0,
    xid: machine.xid,
    secs: 0,
    flags: BROADCAST_FLAG,
    ciaddr: none,
    yiaddr: none,
    siaddr: none,
    giaddr: none,
    chaddr: formatMac(machine.mac),
    sname: '',
    file: '',
    options: {
      53: DISCOVER,
      55: [1, 3, 6, 15, 54, 66, 67],
      57: 1472,
      60: `${machine.architecture === 16 ? 'HTTPClient' : 'PXEClient'}:Arch:${String(machine.architecture).padStart(5, '0')}:UNDI:003000`,
      93: machine.architecture,
    },
  });
  return viewBytes(encoded._data, 0, encoded._w);
}

function parseOffer(bytes: Buffer): SeenOffer | undefined {
  let message: Message;
  try {
    message = protocol.parse(bytes);
  } catch {
    // Another host's datagram on this wire, not an offer for us.
    return undefined;
  }
  if (message.options[53] !== OFFER) return undefined;
  const text = (code: number): string => String(message.options[code] ?? '');
  return {
    xid: message.xid,
    address: message.yiaddr,
    server: text(54),
    nextServer: message.siaddr,
    file: text(67).replace(/\0+$/, '') || message.file,
  };
}
