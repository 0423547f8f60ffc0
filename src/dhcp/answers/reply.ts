// What a reply says. Sources: RFC 2131 §4.3.1 (which options; table 3), RFC 6842 (client identifier echoed), RFC 3011 (118
// echoed), RFC 4578 §2.3 (97 echoed), RFC 4702 §4 (81), RFC 5071 §2.4 (210).
//
// 1. The parameter request list is honoured, in the client's order (`option-order.ts`). Mask and router come always; a client without a
//    list (GRUB's own DHCP) gets name servers, domain, broadcast address and host name too.
// 2. What has no room is left out by its weight.
// 3. Boot fields are forced whether asked for or not, and are a function of the client that asks now, never of a stored name;
//    of the configured options only one with a condition, or a forced one, takes the place of a boot field. Option 60 for UEFI
//    HTTP boot, and option 43 for firmware that needs it, are never replaced.
// 4. A configured option comes before what the network's own keys say. The name and the domain of a machine that is known are
//    narrower than that: only its host entry comes before them.

import type { BootPlan } from '../../boot/plan.ts';
import type { Seconds } from '../../clock.ts';
import { ANY, formatIpv4, type Ipv4, parseIpv4 } from '../../net/address.ts';
import type { ClientOptions, ConfiguredOption } from '../networks/configured-options.ts';
import { leaseTimeBytes } from '../networks/network-options.ts';
import type { ServedSubnet } from '../networks/subnet.ts';
import {
  BOOT_REPLY,
  BROADCAST_FLAG,
  type DhcpMessage,
  type EncodedMessage,
  encodeDhcpMessage,
} from '../wire/message.ts';
import { type DhcpOptions, OptionList, type OptionsInMaking } from '../wire/option-list.ts';
import { inAskedOrder } from '../wire/option-order.ts';
import {
  addressBytes,
  domainNameBytes,
  MESSAGE_TYPE,
  OPTION,
  optionText,
  optionU16,
  textBytes,
  u8Bytes,
} from '../wire/options.ts';
import type { Inquiry } from './inquiry.ts';

/** The largest message each client must take: 576 bytes of IP datagram, without its headers (RFC 2131 §2). */
const CLIENT_BYTES_MIN = 548;
/** The largest message that fits an Ethernet frame. */
const FRAME_BYTES_MAX = 1472;
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

/** What decides how a machine boots, and so is the boot plan's where there is one. */
const BOOT_CODES: readonly number[] = [
  OPTION.vendorSpecific,
  OPTION.vendorClass,
  OPTION.tftpServerName,
  OPTION.bootFileName,
  OPTION.pathPrefix,
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
  /** A machine's own; undefined: the network's. */
  readonly domain: string | undefined;
  /** Option 81; undefined: the client sent none, or gets no address. */
  readonly fqdn?: Uint8Array | undefined;
  /** The configured options for the client; undefined: there are none. */
  readonly configured?: ClientOptions | undefined;
  /** The names of its classes; undefined: it is in none. */
  readonly classes?: string | undefined;
}

/**
 * The longest message the client takes, in bytes: its option 57, without headers and within what an Ethernet frame holds. Option 82 does
 * not count: what added it takes it out again (RFC 3046 §2.1), the relay agent or a switch.
 */
export function replyBytesMax(request: DhcpMessage): number {
  const said = optionU16(request.options, OPTION.maximumMessageSize) ?? 0;
  return Math.min(Math.max(said - HEADER_BYTES, CLIENT_BYTES_MIN), FRAME_BYTES_MAX);
}

/** The bytes of a reply, within what the client takes: what goes back to a relay agent alone (option 82) comes on top of that. */
export const encodeReply = (reply: DhcpMessage, request: DhcpMessage): EncodedMessage =>
  encodeDhcpMessage(reply, replyBytesMax(request), FRAME_BYTES_MAX);

/** Composes an OFFER or ACK. */
export function composeReply(inquiry: Inquiry, settings: Settings): DhcpMessage {
  const { message } = inquiry;
  const { plan, configured } = settings;
  const options = new OptionList();
  options.set(OPTION.messageType, TYPE_BYTES[settings.type]);
  options.set(OPTION.serverIdentifier, identifierBytes(settings));
  addTimes(options, settings);
  addDemandedEchoes(options, message);
  const list = message.options.get(OPTION.parameterRequestList);
  addParameter(options, OPTION.subnetMask, settings, configured);
  const isRouted = configured !== undefined && addRoutes(options, list, configured);
  if (!isRouted) addParameter(options, OPTION.router, settings, configured);
  if (plan !== undefined) addBootOptions(options, inquiry, plan, configured);
  for (const code of list ?? DEFAULT_PARAMETERS) {
    if (!options.has(code)) addParameter(options, code, settings, configured);
  }
  if (configured !== undefined) addUnasked(options, list, settings, configured);
  if (plan !== undefined) echo(options, message, OPTION.clientUuid);
  if (settings.fqdn !== undefined) options.set(OPTION.clientFqdn, settings.fqdn);
  const fields = configured === undefined ? undefined : bootFields(options, inquiry, settings);
  const reply = replyTo(message, {
    ciaddr: settings.type === 'ack' ? message.ciaddr : ANY,
    yiaddr: settings.address,
    siaddr: plan?.serverAddress ?? ANY,
    file: fileField(plan?.file),
    options: list === undefined || isAsked(list, settings) ? options : inAskedOrder(options, list),
  });
  return fields === undefined ? reply : { ...reply, ...fields };
}

/** True where the options stand as they were asked for: nothing was added ahead of the list but mask and router, which begin it. */
function isAsked(list: Uint8Array, { plan, fqdn, configured }: Settings): boolean {
  if (plan !== undefined || fqdn !== undefined || configured !== undefined) return false;
  return list[0] === OPTION.subnetMask && list[1] === OPTION.router;
}

/** Option 53 of what is composed here. */
const TYPE_BYTES = { offer: u8Bytes(MESSAGE_TYPE.offer), ack: u8Bytes(MESSAGE_TYPE.ack) };

function identifierBytes({ serverIdentifier, served: { subnet, options } }: Settings): Uint8Array {
  const known = serverIdentifier === subnet.serverAddress ? options.serverIdentifier : undefined;
  return known ?? addressBytes(serverIdentifier);
}

function addTimes(options: OptionsInMaking, { leaseTime, served }: Settings): void {
  if (leaseTime === undefined) return;
  const { subnet } = served;
  const times = leaseTime === subnet.leaseTime ? served.options.times : leaseTimeBytes(subnet, leaseTime);
  options.set(OPTION.leaseTime, times.lease);
  options.set(OPTION.renewalTime, times.renewal);
  options.set(OPTION.rebindingTime, times.rebinding);
}

/** Composes a NAK; `text` tells a person why. */
export function composeNak(message: DhcpMessage, serverIdentifier: Ipv4, text: string): DhcpMessage {
  const options = new OptionList();
  options.set(OPTION.messageType, u8Bytes(MESSAGE_TYPE.nak));
  options.set(OPTION.serverIdentifier, addressBytes(serverIdentifier));
  addDemandedEchoes(options, message);
  options.set(OPTION.message, textBytes(text));
  // RFC 2131 §4.3.2: the relay is to broadcast a NAK, the client may have no usable address.
  const flags = message.giaddr === ANY ? message.flags : message.flags | BROADCAST_FLAG;
  return replyTo(message, { flags, options });
}

/** What a reply says of its own. */
type Said = Partial<Pick<DhcpMessage, 'flags' | 'ciaddr' | 'yiaddr' | 'siaddr' | 'file'>> &
  Pick<DhcpMessage, 'options'>;

/** A reply, with the fields that each takes from its request (RFC 2131 table 3); what is not said is zero or empty. */
export function replyTo(request: DhcpMessage, said: Said): DhcpMessage {
  const { htype, hlen, xid, giaddr, chaddr } = request;
  const { flags = request.flags, ciaddr = ANY, yiaddr = ANY, siaddr = ANY, file = '', options } = said;
  return {
    op: BOOT_REPLY,
    htype,
    hlen,
    hops: 0,
    xid,
    secs: 0,
    flags,
    ciaddr,
    yiaddr,
    siaddr,
    giaddr,
    chaddr,
    sname: '',
    file,
    options,
  };
}

/** A boot file's name in the `file` field; empty where it has no room, for option 67 says it too. */
export const fileField = (name = ''): string => (name.length <= FILE_CHARACTERS_MAX ? name : '');

/** Adds where a plan's loader is, and its name: options 66 and 67. */
export function addBootFile(options: OptionsInMaking, plan: BootPlan): void {
  options.set(OPTION.tftpServerName, textBytes(formatIpv4(plan.serverAddress)));
  // Quirk: EDK2 and shim of several releases read on behind a boot file option that does not end in a zero byte.
  options.set(OPTION.bootFileName, textBytes(`${plan.file}\0`));
}

function addBootOptions(
  options: OptionsInMaking,
  inquiry: Inquiry,
  plan: BootPlan,
  configured: ClientOptions | undefined,
): void {
  addBootFile(options, plan);
  // Quirk: EDK2 takes an offer with option 60 `PXEClient` for one that wants a boot server discovery on port 4011, so it is
  // sent only where the plan asks for it: `HTTPClient` for UEFI HTTP boot, which ignores offers without it.
  if (plan.vendorClass !== undefined) options.set(OPTION.vendorClass, textBytes(plan.vendorClass));
  if (plan.vendorOptions !== undefined) options.set(OPTION.vendorSpecific, plan.vendorOptions);
  if (plan.pathPrefix !== undefined) options.set(OPTION.pathPrefix, textBytes(plan.pathPrefix));
  if (inquiry.client?.kind === 'ipxe') options.set(OPTION.ipxe, IPXE_NO_PROXY);
  if (configured !== undefined) addBootOverrides(options, inquiry, configured);
}

function addBootOverrides(options: OptionsInMaking, inquiry: Inquiry, configured: ClientOptions): void {
  for (const code of BOOT_CODES) {
    const entry = configured.find(code);
    if (entry === undefined || !isOverride(entry)) continue;
    // What the plan says in these is what its firmware looks for: without it, it would not boot at all.
    const isNeeded = code === OPTION.vendorClass || code === OPTION.vendorSpecific;
    if (isNeeded && options.has(code)) continue;
    options.set(code, entry.value);
  }
  const ipxe = inquiry.client?.kind === 'ipxe' ? configured.find(OPTION.ipxe) : undefined;
  if (ipxe !== undefined) options.set(OPTION.ipxe, ipxe.value);
}

const isOverride = ({ force, when }: ConfiguredOption): boolean => force || when !== undefined;

/** Quirk: as in the plan's own file name, firmware reads on behind a name without a zero byte. */
const zeroEnded = (bytes: Uint8Array): Uint8Array => (bytes.at(-1) === 0 ? bytes : Uint8Array.of(...bytes, 0));

/**
 * Adds configured routes for a client that asks for them. Then neither the router nor static routes follow (RFC 3442).
 * @returns false: it gets none
 */
function addRoutes(options: OptionsInMaking, list: Uint8Array | undefined, configured: ClientOptions): boolean {
  if (list?.includes(OPTION.classlessRoutes) !== true) return false;
  const routes = configured.find(OPTION.classlessRoutes);
  if (routes !== undefined) options.set(OPTION.classlessRoutes, routes.value);
  return routes !== undefined;
}

/** Adds what a client gets that it did not ask for: the forced options; all of them, when it sent no list. */
function addUnasked(
  options: OptionsInMaking,
  list: Uint8Array | undefined,
  settings: Settings,
  configured: ClientOptions,
): void {
  for (const code of list === undefined ? configured.codes() : configured.forced()) {
    if (options.has(code)) continue;
    if (list === undefined || configured.find(code)?.force === true) addParameter(options, code, settings, configured);
  }
}

/** What the boot fields say where options may be the operator's: the same as options 66 and 67. */
function bootFields(
  options: OptionsInMaking,
  inquiry: Inquiry,
  { plan, served: { subnet }, serverIdentifier, configured }: Settings,
): Pick<DhcpMessage, 'siaddr' | 'file'> {
  const name = options.get(OPTION.bootFileName);
  const file = optionText(options, OPTION.bootFileName);
  const named = nextServerOf(options, plan, configured);
  // GRUB's own DHCP asks for no file and loads from the next server: the operator's word alone tells it where.
  if (name === undefined || file === undefined) return { siaddr: named ?? plan?.serverAddress ?? ANY, file: '' };
  if (inquiry.client !== undefined) options.set(OPTION.bootFileName, zeroEnded(name));
  const siaddr = named ?? plan?.serverAddress ?? subnet.serverAddress ?? serverIdentifier;
  return { siaddr, file: fileField(file) };
}

/** The next server that the operator named (option 66), for a client without a plan also where it did not ask for the option. */
function nextServerOf(options: DhcpOptions, plan: BootPlan | undefined, configured: ClientOptions | undefined) {
  const said = optionText(options, OPTION.tftpServerName);
  const entry = said === undefined && plan === undefined ? configured?.find(OPTION.tftpServerName) : undefined;
  return parseIpv4(
    said ?? (entry === undefined ? '' : Buffer.from(entry.value).toString('latin1').replace(/\0+$/, '')),
  );
}

function addParameter(
  options: OptionsInMaking,
  code: number,
  settings: Settings,
  configured: ClientOptions | undefined,
): void {
  const value =
    configured === undefined ? parameter(code, settings) : configuredParameter(code, options, settings, configured);
  if (value !== undefined && value.length > 0) options.set(code, value);
}

function configuredParameter(
  code: number,
  options: DhcpOptions,
  settings: Settings,
  configured: ClientOptions,
): Uint8Array | undefined {
  // What boots a machine is the plan's, and was decided with it.
  if (settings.plan !== undefined && BOOT_CODES.includes(code)) return undefined;
  const isRoute = code === OPTION.router || code === OPTION.staticRoutes;
  if (isRoute && options.has(OPTION.classlessRoutes)) return undefined;
  const isOfMachine =
    (code === OPTION.hostName && settings.hostname !== undefined) ||
    (code === OPTION.domainName && settings.domain !== undefined);
  const entry = isOfMachine ? configured.findOfHost(code) : configured.find(code);
  return entry?.value ?? parameter(code, settings);
}

/** What a machine says of itself comes before what its network says. */
function parameter(code: number, { served, hostname, domain }: Settings): Uint8Array | undefined {
  if (code === OPTION.hostName) return hostname === undefined ? undefined : textBytes(hostname);
  if (domain !== undefined && code === OPTION.domainName) return textBytes(domain);
  if (domain !== undefined && code === OPTION.domainSearch) return domainNameBytes(domain);
  return served.options.byCode.get(code);
}

/** What goes back to each client that sent it: RFC 6842 §3, RFC 3011 §2, RFC 3046 §2.2; the last is written last wherever it stands. */
export function addDemandedEchoes(options: OptionsInMaking, request: DhcpMessage): void {
  echo(options, request, OPTION.subnetSelection);
  echo(options, request, OPTION.clientIdentifier);
  echo(options, request, OPTION.relayAgentInformation);
}

/** Gives an option back as it came, where it came. */
export function echo(options: OptionsInMaking, request: DhcpMessage, code: number): void {
  const value = request.options.get(code);
  if (value !== undefined) options.set(code, value);
}
