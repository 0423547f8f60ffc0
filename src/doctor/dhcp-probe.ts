// Asks the running DHCP server for an offer, as a machine on its network would, with the `dhcp` package's codec: a check made
// with our own codec could not see an error of our own codec. Nothing is bound: an offer that nobody requests lapses.

import dhcp from 'dhcp';
import protocol, { type Message } from 'dhcp/lib/protocol.js';
import { ANY, formatIpv4, formatMac, type Ipv4, type MacAddress } from '../net/address.ts';
import type { DatagramNetwork } from '../net/datagram.ts';
import { within } from './finding.ts';

const DISCOVER = 1;
const OFFER = 2;
const BOOT_REQUEST = 1;
const BROADCAST_FLAG = 0x8000;
const ANSWER_MS_MAX = 4000;

// Options that the package does not know by itself.
dhcp.addOption(93, { name: 'Client system architecture', type: 'UInt16' });
dhcp.addOption(175, { name: 'iPXE encapsulated options', type: 'UInt8s' });
dhcp.addOption(28, { name: 'Broadcast address', type: 'IP' });

export interface DhcpProbe {
  readonly network: DatagramNetwork;
  readonly device: string;
  /** The rack's address on that device. */
  readonly source: Ipv4;
  readonly serverPort: number;
  readonly clientPort: number;
  readonly mac: MacAddress;
  /** Option 93: 0 BIOS, 7 UEFI amd64, 11 UEFI arm64, 16 UEFI amd64 by HTTP. */
  readonly architecture: number;
  /** Differs between the probes of one run. */
  readonly xid: number;
}

export interface SeenOffer {
  readonly address: string;
  readonly server: string;
  readonly nextServer: string;
  readonly file: string;
  readonly mask: string;
}

/** Broadcasts a DISCOVER and waits for the offer. Rejects when none comes within ANSWER_MS_MAX. */
export async function probeDhcp(probe: DhcpProbe): Promise<SeenOffer> {
  let onOffer: (offer: SeenOffer) => void = () => undefined;
  const offered = new Promise<SeenOffer>((resolve) => {
    onOffer = resolve;
  });
  const socket = await probe.network.open({
    address: ANY,
    port: probe.clientPort,
    device: probe.device,
    source: probe.source,
    broadcast: true,
    shared: true,
    onDatagrams: (datagrams) => {
      for (const { bytes } of datagrams) {
        const offer = readOffer(Buffer.from(bytes), probe.xid);
        if (offer !== undefined) onOffer(offer);
      }
    },
  });
  try {
    socket.send([{ bytes: discover(probe), to: { kind: 'broadcast', port: probe.serverPort } }]);
    return await within(ANSWER_MS_MAX, `an offer on ${probe.device}`, offered);
  } finally {
    socket.close();
  }
}

function discover(probe: DhcpProbe): Uint8Array {
  const none = formatIpv4(ANY);
  const written = protocol.format({
    op: BOOT_REQUEST,
    htype: 1,
    hlen: 6,
    hops: 0,
    xid: probe.xid,
    secs: 0,
    flags: BROADCAST_FLAG,
    ciaddr: none,
    yiaddr: none,
    siaddr: none,
    giaddr: none,
    chaddr: formatMac(probe.mac),
    sname: '',
    file: '',
    options: {
      53: DISCOVER,
      55: [1, 3, 6, 15, 54, 66, 67],
      57: 1472,
      60: `${probe.architecture === 16 ? 'HTTPClient' : 'PXEClient'}:Arch:${String(probe.architecture).padStart(5, '0')}:UNDI:003000`,
      93: probe.architecture,
    },
  });
  return written._data.subarray(0, written._w);
}

function readOffer(bytes: Buffer, xid: number): SeenOffer | undefined {
  let message: Message;
  try {
    message = protocol.parse(bytes);
  } catch {
    // Somebody else's datagram on this wire: not an offer for us.
    return undefined;
  }
  if (message.xid !== xid || message.options[53] !== OFFER) return undefined;
  const text = (code: number): string => String(message.options[code] ?? '');
  return {
    address: message.yiaddr,
    server: text(54),
    nextServer: message.siaddr,
    file: text(67).replace(/\0+$/, '') || message.file,
    mask: text(1),
  };
}
