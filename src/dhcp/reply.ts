// What a reply says. Sources: RFC 2131 §4.3.1 (which options; table 3), RFC 6842 (client identifier echoed), RFC 3011 (118
// echoed), RFC 4578 §2.3 (97 echoed), RFC 5071 §2.4 (210).
//
// 1. Options come in the order of their weight, because what has no room is left out from the end.
// 2. The parameter request list is honoured, in the client's order. Mask and router come always; a client without a list
//    (GRUB's own DHCP) gets name servers, domain, broadcast address and host name too.
// 3. Boot fields are forced whether asked for or not, and are a function of the client that asks now, never of a stored name.

import type { BootPlan } from '../boot/plan.ts';
import type { Seconds } from '../clock.ts';
import { ANY, formatIpv4, type Ipv4, maskOf } from '../net/address.ts';
import type { Inquiry } from './inquiry.ts';
import { BOOT_REPLY, BROADCAST_FLAG, type DhcpMessage } from './message.ts';
import {
  addressBytes,
  addressListBytes,
  domainNameBytes,
  MESSAGE_TYPE,
  OPTION,
  optionU16,
  textBytes,
  u8Bytes,
  u32Bytes,
} from './options.ts';
import type { ServedSubnet } from './subnet.ts';

/** The largest message each client must take: 576 bytes of IP datagram, without its headers (RFC 2131 §2). */
const CLIENT_BYTES_MIN = 548;
/** The largest message that fits an Ethernet frame. */
const CLIENT_BYTES_MAX = 1472;
const HEADER_BYTES = 28;
/** The longest text of the `file` field; its last byte is zero. */
const FILE_CHARACTERS_MAX = 127;
/** iPXE's option 175, sub-option 176 with value 1: do not wait for a proxy DHCP server. */
const IPXE_NO_PROXY = Uint8Array.of(176, 1, 1);
/** What a client without a parameter request list is taken to want. */
const DEFAULT_PARAMETERS: readonly number[] = [
  OPTION.domainNameServer,
  OPTION.domainName,
  OPTION.broadcastAddress,
  OPTION.hostName,
];

/** What a reply gives to its client. */
export interface Settings {
  readonly type: 'offer' | 'ack';
  readonly served: ServedSubnet;
  /** Option 54. */
  readonly serverIdentifier: Ipv4;
  /** `yiaddr`; 0.0.0.0 in the answer to an INFORM. */
  readonly address: Ipv4;
  /** Undefined in the answer to an INFORM (RFC 2131 §4.3.5). */
  readonly leaseTime: Seconds | undefined;
  /** Undefined: the client does not boot from the network, or nothing is known for it. */
  readonly plan: BootPlan | undefined;
  readonly hostname: string | undefined;
  readonly domain: string;
}

/** The longest message the client takes, in bytes: its option 57, without headers and within what an Ethernet frame holds. */
export function replyBytesMax(request: DhcpMessage): number {
  const said = optionU16(request.options, OPTION.maximumMessageSize) ?? 0;
  return Math.min(Math.max(said - HEADER_BYTES, CLIENT_BYTES_MIN), CLIENT_BYTES_MAX);
}

/** Composes an OFFER or ACK. */
export function composeReply(inquiry: Inquiry, settings: Settings): DhcpMessage {
  const { message } = inquiry;
  const { plan } = settings;
  const options = new Map<number, Uint8Array>();
  options.set(OPTION.messageType, u8Bytes(MESSAGE_TYPE[settings.type]));
  options.set(OPTION.serverIdentifier, addressBytes(settings.serverIdentifier));
  if (settings.leaseTime !== undefined) {
    options.set(OPTION.leaseTime, u32Bytes(settings.leaseTime));
    options.set(OPTION.renewalTime, u32Bytes(Math.floor(settings.leaseTime / 2)));
    options.set(OPTION.rebindingTime, u32Bytes(Math.floor((settings.leaseTime * 7) / 8)));
  }
  addParameter(options, OPTION.subnetMask, settings);
  addParameter(options, OPTION.router, settings);
  if (plan !== undefined) addBootOptions(options, inquiry, plan);
  const asked = message.options.get(OPTION.parameterRequestList) ?? DEFAULT_PARAMETERS;
  for (const code of asked) if (!options.has(code)) addParameter(options, code, settings);
  addEchoes(options, message, plan !== undefined);
  return {
    ...replyTo(message),
    ciaddr: settings.type === 'ack' ? message.ciaddr : ANY,
    yiaddr: settings.address,
    siaddr: plan?.serverAddress ?? ANY,
    file: plan !== undefined && plan.file.length <= FILE_CHARACTERS_MAX ? plan.file : '',
    options,
  };
}

/** Composes a NAK; `text` tells a person why. */
export function composeNak(message: DhcpMessage, serverIdentifier: Ipv4, text: string): DhcpMessage {
  const options = new Map<number, Uint8Array>();
  options.set(OPTION.messageType, u8Bytes(MESSAGE_TYPE.nak));
  options.set(OPTION.serverIdentifier, addressBytes(serverIdentifier));
  options.set(OPTION.message, textBytes(text));
  addEchoes(options, message, false);
  // RFC 2131 §4.3.2: the relay is to broadcast a NAK, the client may have no usable address.
  const flags = message.giaddr === ANY ? message.flags : message.flags | BROADCAST_FLAG;
  return { ...replyTo(message), flags, options };
}

/** The fields that each reply takes from its request (RFC 2131 table 3); addresses zero, no options. */
function replyTo(request: DhcpMessage): DhcpMessage {
  const { htype, hlen, xid, flags, giaddr, chaddr } = request;
  const empty = { hops: 0, secs: 0, ciaddr: ANY, yiaddr: ANY, siaddr: ANY, sname: '', file: '', options: new Map() };
  return { op: BOOT_REPLY, htype, hlen, xid, flags, giaddr, chaddr, ...empty };
}

function addBootOptions(options: Map<number, Uint8Array>, inquiry: Inquiry, plan: BootPlan): void {
  options.set(OPTION.tftpServerName, textBytes(formatIpv4(plan.serverAddress)));
  // Quirk: EDK2 and shim of several releases read on behind a boot file option that does not end in a zero byte.
  options.set(OPTION.bootFileName, textBytes(`${plan.file}\0`));
  // Quirk: EDK2 takes an offer with option 60 `PXEClient` for one that wants a boot server discovery on port 4011, so it is
  // sent only where the plan asks for it: `HTTPClient` for UEFI HTTP boot, which ignores offers without it.
  if (plan.vendorClass !== undefined) options.set(OPTION.vendorClass, textBytes(plan.vendorClass));
  if (plan.pathPrefix !== undefined) options.set(OPTION.pathPrefix, textBytes(plan.pathPrefix));
  if (inquiry.client?.kind === 'ipxe') options.set(OPTION.ipxe, IPXE_NO_PROXY);
}

function addParameter(options: Map<number, Uint8Array>, code: number, settings: Settings): void {
  const value = parameter(code, settings);
  if (value !== undefined && value.length > 0) options.set(code, value);
}

function parameter(code: number, { served: { subnet }, hostname, domain }: Settings): Uint8Array | undefined {
  switch (code) {
    case OPTION.subnetMask:
      return addressBytes(maskOf(subnet.network.prefix));
    case OPTION.router:
      return subnet.router === undefined ? undefined : addressBytes(subnet.router);
    case OPTION.domainNameServer:
      return addressListBytes(subnet.dnsServers);
    case OPTION.domainName:
      return textBytes(domain);
    case OPTION.broadcastAddress:
      return addressBytes(subnet.broadcast);
    case OPTION.hostName:
      return hostname === undefined ? undefined : textBytes(hostname);
    case OPTION.ntpServers:
      return addressListBytes(subnet.ntpServers);
    case OPTION.domainSearch:
      return domainNameBytes(domain);
    default:
      return undefined;
  }
}

function addEchoes(options: Map<number, Uint8Array>, request: DhcpMessage, boots: boolean): void {
  const codes = boots
    ? [OPTION.clientUuid, OPTION.subnetSelection, OPTION.clientIdentifier, OPTION.relayAgentInformation]
    : [OPTION.subnetSelection, OPTION.clientIdentifier, OPTION.relayAgentInformation];
  for (const code of codes) {
    const value = request.options.get(code);
    if (value !== undefined) options.set(code, value);
  }
}
